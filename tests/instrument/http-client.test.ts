/** Checks the outbound latency on real requests by Node's own fetch: names, answers, every kind of failure, and silence afterwards. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fetchErrorType } from '../../src/instrument/fetch-error.js';
import { instrumentFetch } from '../../src/instrument/http-client.js';
import { createMetrics, type Metrics } from '../../src/metrics/registry.js';
import { textOf } from '../metrics/fixture.js';

async function serve(handle: (req: IncomingMessage, res: ServerResponse) => void) {
  const server = createServer(handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  onTestFinished(async () => {
    if (server.listening) await close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, url: `http://${host}`, close };
}

/** Metrics that observe until the test ends. */
function observed(apis: Record<string, string>): Metrics {
  const metrics = createMetrics({ processMetrics: 'omit' });
  onTestFinished(instrumentFetch(metrics, { apis }));
  return metrics;
}

/** `api method code error: count` of all that was seen. */
async function seen(metrics: Metrics): Promise<string[]> {
  const text = await textOf([metrics.httpClientDuration]);
  return text
    .split('\n')
    .filter((line) => line.startsWith('http_client_request_duration_seconds_count') && !line.endsWith(' 0'))
    .map((line) =>
      line.replace(
        /^.*api="(.*)",.*method="(.*)",.*code="(.*)",error_type="(.*)"\} (\d+)$/,
        '$1 $2 $3 $4: $5',
      ),
    )
    .sort();
}

test('answers by API, method and code; hosts without a name are one value; a redirect is a request of its own', async () => {
  const answer = (req: IncomingMessage, res: ServerResponse) => {
    if (req.url === '/moved') res.writeHead(302, { location: '/quote' });
    else if (req.url === '/limit') res.writeHead(429);
    res.end(req.method === 'HEAD' ? '' : 'ok');
  };
  const named = await serve(answer);
  const unnamed = await serve(answer);
  const metrics = observed({ [named.host]: 'quotes' });
  for (const path of ['/quote', '/moved', '/limit']) await (await fetch(`${named.url}${path}`)).text();
  await fetch(`${named.url}/quote`, { method: 'HEAD' });
  await (await fetch(`${named.url}/quote`, { method: 'REPORT' })).text();
  await (await fetch(unnamed.url)).text();
  expect(await seen(metrics)).toEqual([
    'other GET 200 none: 1',
    'quotes GET 200 none: 2',
    'quotes GET 302 none: 1',
    'quotes GET 429 none: 1',
    'quotes HEAD 200 none: 1',
    'quotes other 200 none: 1',
  ]);
});

test('every failure has its name: timeout, abort, reset, half an answer, refused, unknown host', async () => {
  const server = await serve((req, res) => {
    if (req.url === '/') res.end('ok');
    if (req.url === '/reset') req.socket.resetAndDestroy();
    if (req.url === '/half') {
      res.writeHead(200, { 'content-length': 100 });
      res.write('half');
      setTimeout(() => req.socket.destroy(), 10);
    }
  });
  const gone = await serve(() => {});
  await gone.close();
  const metrics = observed({ [server.host]: 'quotes', [gone.host]: 'gone', 'nowhere.invalid': 'nowhere' });
  const fails = async (url: string, signal?: AbortSignal) => {
    await expect(
      fetch(url, signal === undefined ? {} : { signal }).then((res) => res.text()),
    ).rejects.toThrow();
  };
  // A deadline that falls before the connection stands is told by Node as an abort: let it stand.
  await (await fetch(server.url)).text();
  await fails(`${server.url}/silent`, AbortSignal.timeout(100));
  const caller = new AbortController();
  setTimeout(() => caller.abort(), 100);
  await fails(`${server.url}/silent`, caller.signal);
  await fails(`${server.url}/reset`);
  await fails(`${server.url}/half`);
  await fails(gone.url);
  await fails('http://nowhere.invalid/');
  const found = await seen(metrics);
  expect(found).toEqual([
    'gone GET none refused: 1',
    'nowhere GET none dns: 1',
    'quotes GET 200 none: 1',
    'quotes GET 200 reset: 1',
    'quotes GET none aborted: 1',
    'quotes GET none reset: 1',
    'quotes GET none timeout: 1',
  ]);
});

test('an answer that its caller drops is aborted', async () => {
  const { host, url } = await serve((_req, res) => {
    res.write(Buffer.alloc(1_000_000));
  });
  const metrics = observed({ [host]: 'quotes' });
  const response = await fetch(url);
  expect(await seen(metrics)).toEqual([]);
  await response.body!.cancel();
  await expect.poll(() => seen(metrics)).toEqual(['quotes GET 200 aborted: 1']);
});

test('the most common sets are there at zero for each named API', async () => {
  const metrics = observed({ 'api.example.com': 'quotes' });
  const text = await textOf([metrics.httpClientDuration]);
  const labels = 'api="quotes",http_request_method="GET",http_response_status_code';
  expect(text).toContain(`http_client_request_duration_seconds_count{${labels}="200",error_type="none"} 0\n`);
  expect(text).toContain(
    `http_client_request_duration_seconds_count{${labels}="none",error_type="timeout"} 0\n`,
  );
});

describe('the host', () => {
  test('is left as it was: fetch untouched, subscriptions taken back, two at once apart', async () => {
    const { host, url } = await serve((_req, res) => void res.end('ok'));
    const before = globalThis.fetch;
    const first = createMetrics({ processMetrics: 'omit' });
    const second = createMetrics({ processMetrics: 'omit' });
    const end = instrumentFetch(first, { apis: { [host]: 'a' } });
    const endSecond = instrumentFetch(second, { apis: { [host]: 'b' } });
    expect(globalThis.fetch).toBe(before);
    await (await fetch(url)).text();
    end();
    end();
    await (await fetch(url)).text();
    endSecond();
    await (await fetch(url)).text();
    expect(await seen(first)).toEqual(['a GET 200 none: 1']);
    expect(await seen(second)).toEqual(['b GET 200 none: 2']);
  });

  test('is observed once for each metrics: a second time is refused until the first has ended', async () => {
    const { host, url } = await serve((_req, res) => void res.end('ok'));
    const metrics = createMetrics({ processMetrics: 'omit' });
    const end = instrumentFetch(metrics, { apis: { [host]: 'a' } });
    // The series are the owner, in whatever object they come.
    const copy = { httpClientDuration: metrics.httpClientDuration };
    for (const same of [metrics, copy]) {
      expect(() => instrumentFetch(same, { apis: { [host]: 'b' } })).toThrow(
        expect.objectContaining({ code: 'NAME_TAKEN', message: expect.stringContaining('apis') }),
      );
    }
    await (await fetch(url)).text();
    expect(await seen(metrics)).toEqual(['a GET 200 none: 1']);
    end();
    onTestFinished(instrumentFetch(metrics, { apis: { [host]: 'b' } }));
    end();
    await (await fetch(url)).text();
    expect(await seen(metrics)).toEqual(['a GET 200 none: 1', 'b GET 200 none: 1']);
  });

  test('never hears of our accidents: a clock and a tracer that throw, a message of another shape', async () => {
    const { host, url } = await serve((_req, res) => void res.end('ok'));
    const uncaught: unknown[] = [];
    const hear = (error: unknown) => void uncaught.push(error);
    process.on('uncaughtException', hear);
    onTestFinished(() => void process.off('uncaughtException', hear));
    const broken = () => {
      throw new Error('broken');
    };
    const metrics = createMetrics({ processMetrics: 'omit' });
    const traced = createMetrics({ processMetrics: 'omit' });
    onTestFinished(instrumentFetch(metrics, { apis: { [host]: 'quotes' }, nowMs: broken }));
    onTestFinished(instrumentFetch(traced, { apis: { [host]: 'quotes' }, exemplar: broken }));
    const { channel } = await import('node:diagnostics_channel');
    channel('undici:request:create').publish({});
    channel('undici:request:trailers').publish(undefined);
    expect(await (await fetch(url)).text()).toBe('ok');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(uncaught).toEqual([]);
    expect(await seen(metrics)).toEqual([]);
    expect(await seen(traced)).toEqual(['quotes GET 200 none: 1']);
  });

  test('sees no new named property on its request objects, and nothing when they are printed as JSON', async () => {
    const { host, url } = await serve((_req, res) => void res.end('ok'));
    const keys: string[][] = [];
    const look = (message: unknown) => {
      const { request } = message as { request: object };
      keys.push([
        ...Object.getOwnPropertyNames(request),
        ...Object.keys(JSON.parse(JSON.stringify(request, plain))),
      ]);
    };
    await (await fetch(url)).text();
    subscribe('undici:request:trailers', look);
    onTestFinished(() => void unsubscribe('undici:request:trailers', look));
    await (await fetch(url)).text();
    observed({ [host]: 'quotes' });
    await (await fetch(url)).text();
    expect(keys[1]).toEqual(keys[0]);
  });

  function plain(key: string, value: unknown): unknown {
    return key === '' || typeof value !== 'object' ? value : null;
  }
});

test('the trace at the start of a request is the exemplar of its duration', async () => {
  const { host, url } = await serve((_req, res) => void res.end('ok'));
  const metrics = createMetrics({ processMetrics: 'omit' });
  const exemplar = () => ({ trace_id: '4bf92f3577b34da6a3ce929d0e0e4736' });
  onTestFinished(
    instrumentFetch(metrics, { apis: { [host]: 'quotes' }, exemplar, wallMs: () => 1_700_000_000_000 }),
  );
  await (await fetch(url)).text();
  const text = await textOf([metrics.httpClientDuration], { format: 'openmetrics' });
  expect(text).toMatch(/\{trace_id="4bf92f3577b34da6a3ce929d0e0e4736"\} [\d.e-]+ 1700000000$/m);
});

describe('names', () => {
  test.each([
    ['https://api.example.com', 'exact'],
    ['http://API.example.com:8080', 'exact'],
    ['https://api.example.com:8443', 'port'],
    ['https://eu.example.com', 'below'],
    ['https://deep.eu.example.com', 'deeper'],
    ['https://example.com', 'other'],
    ['https://evil-example.com', 'other'],
    ['no url', 'other'],
  ])('%s is %s', async (origin, api) => {
    const { apiNames } = await import('../../src/instrument/api-names.js');
    const nameOf = apiNames({
      'api.example.com': 'exact',
      'api.example.com:8443': 'port',
      '*.example.com': 'below',
      '*.eu.example.com': 'deeper',
    });
    expect([nameOf(origin), nameOf(origin)]).toEqual([api, api]);
  });

  test.each([
    [
      { 'https://api.example.com': 'a' },
      'option apis must be hosts such as api.example.com, without scheme and path',
    ],
    [
      { 'api.example.com': '' },
      'option apis[api.example.com] must be a name of 1 to 100 characters, not other',
    ],
    [{ 'api.example.com': 'other' }, 'not other; got "other"'],
  ])('%j is refused at setup', (apis, message) => {
    expect(() => instrumentFetch(createMetrics({ processMetrics: 'omit' }), { apis })).toThrow(message);
  });

  test.each([
    [Object.assign(new Error('x'), { code: 'UND_ERR_HEADERS_TIMEOUT' }), 'timeout'],
    [Object.assign(new Error('x'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }), 'tls'],
    [Object.assign(new Error('x'), { code: 'CERT_HAS_EXPIRED' }), 'tls'],
    [Object.assign(new Error('x'), { code: 'EHOSTUNREACH' }), 'unreachable'],
    [new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })]), 'refused'],
    [new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'EAI_AGAIN' }) }), 'dns'],
    [new Error('mine'), 'other'],
    [undefined, 'other'],
    ['text', 'other'],
  ])('%s is %s', (error, name) => {
    expect(fetchErrorType(error)).toBe(name);
  });
});
