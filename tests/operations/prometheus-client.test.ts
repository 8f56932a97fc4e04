/** Checks what is made of Prometheus' answers, good and bad ones, by a server that gives them. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NoSeriesError, ownMatchers } from '../../src/operations/own-series.js';
import {
  type Prometheus,
  PrometheusError,
  prometheusAt,
  type Series,
} from '../../src/operations/prometheus-client.js';
import { freePort } from '../harness/ports.js';

const SECRET_HOST = '127.0.0.1';

async function answering(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const saying = (body: unknown, status = 200) =>
  answering((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });

async function failureOf(url: string, deadlineMs = 2_000): Promise<PrometheusError> {
  const error = await prometheusAt(url, deadlineMs)
    .instant('up', 0)
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  expect(error).toBeInstanceOf(PrometheusError);
  return error as PrometheusError;
}

describe('prometheusAt', () => {
  it('asks by POST, with moments in seconds and its own patience, below a path prefix too', async () => {
    const asked: string[] = [];
    const url = await answering((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        asked.push(`${request.method} ${request.url} ${body}`);
        response.end(JSON.stringify({ status: 'success', data: { resultType: 'matrix', result: [] } }));
      });
    });
    const prometheus = prometheusAt(`${url}/prefix/`, 3_000);
    await prometheus.instant('up{job="a"}', 1_500);
    await prometheus.range('up', { fromMs: 0, toMs: 60_000, stepMs: 15_000 });
    expect(asked).toEqual([
      'POST /prefix/api/v1/query query=up%7Bjob%3D%22a%22%7D&time=1.500&timeout=3000ms',
      'POST /prefix/api/v1/query_range query=up&start=0.000&end=60.000&step=15.000&timeout=3000ms',
    ]);
  });

  it('reads vectors and matrices, and leaves out what is no number', async () => {
    const vector = await saying({
      status: 'success',
      data: {
        resultType: 'vector',
        result: [
          { metric: { job: 'a', __proto__x: 'b' }, value: [1.5, '2.5'] },
          { metric: {}, value: [1, 'NaN'] },
        ],
      },
    });
    expect(await prometheusAt(vector).instant('up', 0)).toEqual([
      { labels: { job: 'a', __proto__x: 'b' }, points: [{ atMs: 1500, value: 2.5 }] },
      { labels: {}, points: [] },
    ]);
    const matrix = await saying({
      status: 'success',
      data: {
        resultType: 'matrix',
        result: [
          {
            metric: {},
            values: [
              [1, '1'],
              [2, '+Inf'],
              [3, '-Inf'],
              [4, '4'],
            ],
          },
        ],
      },
    });
    const [series] = await prometheusAt(matrix).range('up', { fromMs: 0, toMs: 1, stepMs: 1 });
    expect(series!.points).toEqual([
      { atMs: 1000, value: 1 },
      { atMs: 4000, value: 4 },
    ]);
  });

  it.each([
    [
      { status: 'error', errorType: 'bad_data', error: 'parse error' },
      400,
      'refused',
      'bad_data: parse error',
    ],
    [{ status: 'error', errorType: 'timeout', error: 'x'.repeat(900) }, 503, 'refused', 'timeout: xxx'],
    ['<html>a proxy</html>', 502, 'unreadable', 'the answer is no JSON'],
    [{ status: 'success' }, 200, 'unreadable', 'a result of type undefined'],
    [
      { status: 'success', data: { resultType: 'scalar', result: [1, '1'] } },
      200,
      'unreadable',
      'type scalar',
    ],
    [{}, 404, 'unreadable', 'status 404'],
    [[], 200, 'unreadable', 'status 200'],
  ])('calls %j with status %i %s', async (body, status, kind, text) => {
    const error = await failureOf(await saying(body, status));
    expect([error.code, error.kind]).toEqual(['PROMETHEUS_FAILED', kind]);
    expect(error.message).toContain(text);
    expect(error.message.length).toBeLessThan(400);
  });

  it('gives up at its deadline, on a server that hangs, and on one that trickles', async () => {
    const hanging = await answering(() => {});
    expect((await failureOf(hanging, 200)).message).toContain('no answer within 200 ms');
    const trickling = await answering((_request, response) => {
      response.write('{');
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    });
    expect((await failureOf(trickling, 300)).kind).toBe('unreachable');
  });

  it('reads no answer without an end', async () => {
    const url = await answering((_request, response) => {
      const chunk = Buffer.alloc(1 << 20, 0x20);
      const push = () => {
        while (response.write(chunk));
      };
      response.on('drain', push);
      push();
    });
    expect((await failureOf(url, 20_000)).message).toContain('longer than 8388608 bytes');
  });

  it('follows no redirection, and names no address in its errors', async () => {
    const url = await answering((_request, response) =>
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    );
    expect((await failureOf(url)).kind).toBe('unreadable');
    const gone = await failureOf(`http://${SECRET_HOST}:${await freePort()}`);
    expect(gone.message).toBe(
      'Prometheus: the query failed (ECONNREFUSED). Look whether it runs, and at prometheus.url.',
    );
  });

  it('stops when the caller has gone', async () => {
    const gone = new AbortController();
    const url = await answering(() => gone.abort());
    const asked = prometheusAt(url).instant('up', 0, gone.signal);
    await expect(asked).rejects.toThrow(PrometheusError);
  });
});

describe('ownMatchers', () => {
  const server = (answers: readonly (readonly Series[])[]): Prometheus => {
    const left = [...answers];
    return { instant: async () => left.shift() ?? [], range: async () => [] };
  };
  const series = (job: string, instance: string): Series => ({
    labels: { job, instance },
    points: [{ atMs: 0, value: 1 }],
  });

  it('finds our own series by the moment of our start', async () => {
    const found = await ownMatchers(server([[series('a', 'b:1')]]), 1.25, 0);
    expect(found).toBe('job="a",instance="b:1"');
  });

  it('quotes what a label may hold', async () => {
    const found = await ownMatchers(server([[series('a"b\\', 'x\n')]]), 1, 0);
    expect(found).toBe('job="a\\"b\\\\",instance="x\\n"');
  });

  it('takes the only exporter there is after a restart, and none of several', async () => {
    expect(await ownMatchers(server([[], [series('a', 'b:1')]]), 1, 0)).toBe('job="a",instance="b:1"');
    const several = ownMatchers(server([[], [series('a', 'b:1'), series('a', 'c:1')]]), 1, 0);
    await expect(several).rejects.toThrow('Prometheus has not scraped this exporter since it started.');
    await expect(ownMatchers(server([]), 1, 0)).rejects.toThrow(NoSeriesError);
  });
});
