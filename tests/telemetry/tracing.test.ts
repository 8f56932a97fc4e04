/** Checks traces as a collector receives them, from the demo as a real process, and that without one nothing is loaded. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stopEmbedded } from '../chaos/embedded-arena.js';
import { eventually, type Run, runCli } from '../harness/exporter.js';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from './otlp-receiver.js';

const directory = mkdtempSync(join(tmpdir(), 'flowgauge-tracing-'));
chmodSync(directory, 0o755);
/** Prints at the end which packages of OpenTelemetry were loaded. */
const TELL_LOADED = `data:text/javascript,${encodeURIComponent(
  `import { createRequire } from 'node:module'; import { writeSync } from 'node:fs';
   process.on('exit', () => writeSync(2, 'LOADED=' + Object.keys(createRequire('file:///x')('node:module')._cache)
     .filter((path) => /@opentelemetry.(?!api.)/.test(path)).length + '\\n'));`,
)}`;
const KEY = 'k3y-of-the-collector';

interface Demo {
  readonly run: Run;
  readonly url: string;
}

/** A test that fails must not leave a demo on the directory of the next one. */
const started: Run[] = [];

async function startDemo(env: Readonly<Record<string, string>> = {}): Promise<Demo> {
  const flags = ['--no-prometheus', '--web.listen-address=127.0.0.1:0', `--data=${directory}`];
  const run = runCli(['demo', ...flags], { NODE_OPTIONS: `--import=${TELL_LOADED}`, ...env });
  const url = await eventually(
    async () => /landing page: +(http:\S+)\//.exec(run.output())?.[1],
    (found) => found !== undefined || run.child.exitCode !== null,
  );
  if (url === undefined) throw new Error(`the demo ended: ${run.output()}`);
  started.push(run);
  return { run, url };
}

async function stopDemo({ run }: Demo): Promise<void> {
  run.child.kill('SIGTERM');
  expect(await run.exit, run.output()).toBe(0);
}

afterAll(async () => {
  for (const run of started) run.child.kill('SIGKILL');
  await Promise.all(started.map((run) => run.exit));
  await stopEmbedded(join(directory, 'postgres'));
  rmSync(directory, { recursive: true, force: true });
});

describe('with a collector', () => {
  let receiver: OtlpReceiver;
  let demo: Demo;

  beforeAll(async () => {
    receiver = await startOtlpReceiver();
    demo = await startDemo({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: `x-key=${KEY}`,
      OTEL_BSP_SCHEDULE_DELAY: '200',
    });
  });

  afterAll(async () => {
    demo?.run.child.kill('SIGKILL');
    await receiver?.stop();
  });

  test('one check of a token is one trace: the job, the token, the market API, the update', async () => {
    const trace = await eventually(
      async () => traceOfCheck(receiver.spans),
      (found) => found !== undefined,
    );
    const { job, check, request, update } = trace!;
    expect(job).toMatchObject({ name: 'job check', kind: 1, parentSpanId: undefined });
    expect(check).toMatchObject({ kind: 1, parentSpanId: job.spanId });
    expect(check.attributes).toMatchObject({ 'flowgauge.flow': 'tokens' });
    expect(check.attributes['flowgauge.items']).toEqual(
      expect.arrayContaining([expect.stringMatching(/^\w{32,44}$/)]),
    );
    expect(request).toMatchObject({ name: 'GET', kind: 3, parentSpanId: check.spanId });
    expect(request.attributes).toMatchObject({
      'http.request.method': 'GET',
      'server.address': '127.0.0.1',
      'http.response.status_code': 200,
    });
    expect(update).toMatchObject({ name: 'source write checks', kind: 3, parentSpanId: check.spanId });
    expect(update.attributes).toMatchObject({
      'db.system.name': 'postgresql',
      'db.operation.name': 'write checks',
      'db.namespace': 'flowgauge',
    });
    expect(receiver.resource()).toMatchObject({ 'service.name': 'flowgauge' });
    // The command line may hold a database address with its password.
    expect(Object.keys(receiver.resource()).filter((key) => key.startsWith('process.'))).toEqual([]);
    expect(receiver.requests[0]).toMatchObject({ 'x-key': KEY });
  });

  test('the exemplar of the request leads to a trace that was received, in OpenMetrics only', async () => {
    const scrape = async (accept: string) =>
      (await fetch(`${demo.url}/metrics`, { headers: { accept } })).text();
    const traceId = await eventually(
      async () =>
        /^http_client_request_duration_seconds_bucket\{[^}]*api="market"[^}]*\} \d+ # \{trace_id="(\w{32})"\}/m.exec(
          await scrape('application/openmetrics-text; version=1.0.0'),
        )?.[1],
      (found) => found !== undefined,
    );
    await eventually(
      async () => receiver.spans.filter((span) => span.traceId === traceId).map((span) => span.name),
      (names) => ['job check', 'check tokens', 'GET'].every((name) => names.includes(name)),
    );
    expect(await scrape('text/plain')).not.toContain('trace_id');
    // Jobs as well: a slow run leads to its trace.
    expect(await scrape('application/openmetrics-text')).toMatch(
      /^job_duration_seconds_bucket\{.*job_name="publish".*\} \d+ # \{trace_id="\w{32}"\}/m,
    );
  });

  test('a caller with a trace finds our span under its own', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
    await fetch(`${demo.url}/api/flows/tokens/stuck?limit=1`, { headers: { traceparent } });
    const spans = await eventually(
      async () => receiver.spans.filter((span) => span.traceId === traceId),
      (found) => found.some(({ kind }) => kind === 2),
    );
    const server = spans.find(({ kind }) => kind === 2)!;
    expect(server).toMatchObject({ name: 'GET /api/flows/:flow/stuck', parentSpanId: 'b7ad6b7169203331' });
    expect(server.attributes).toEqual({
      'http.request.method': 'GET',
      'url.path': '/api/flows/tokens/stuck',
      'http.route': '/api/flows/:flow/stuck',
      'http.response.status_code': 200,
    });
    expect(spans.find(({ parentSpanId }) => parentSpanId === server.spanId)?.name).toMatch(/^store /);
  });

  test('machines that ask every few seconds make no span of their own', async () => {
    await fetch(`${demo.url}/-/healthy`);
    await fetch(`${demo.url}/metrics`);
    await fetch(`${demo.url}/api/flows`);
    await eventually(
      async () => receiver.spans.some(({ name }) => name === 'GET /api/flows'),
      (found) => found,
    );
    const routes = receiver.spans.filter(({ kind }) => kind === 2).map(({ name }) => name);
    expect(routes).not.toContain('GET /metrics');
    expect(routes).not.toContain('GET /-/healthy');
  });

  test('the key of the collector is in no line', async () => {
    await stopDemo(demo);
    expect(demo.run.output()).not.toContain(KEY);
    expect(demo.run.output()).toMatch(/LOADED=[1-9]/);
  });
});

test('what was not sent yet is sent before the end; SIGUSR2 shows debug lines, and hides them again', async () => {
  const receiver = await startOtlpReceiver();
  const { run, url } = await startDemo({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '60000',
  });
  const saidOfNothing = () => run.output().split('"status":404').length - 1;
  const askAndSwitch = async (to: 'on' | 'off') => {
    await fetch(`${url}/nothing-here`);
    run.child.kill('SIGUSR2');
    await eventually(
      async () => run.output(),
      (text) => text.includes(`debug lines are ${to}`),
    );
  };
  await askAndSwitch('on');
  expect(saidOfNothing()).toBe(0);
  await askAndSwitch('off');
  await fetch(`${url}/nothing-here`);
  expect(saidOfNothing()).toBe(1);
  expect(receiver.spans).toEqual([]);
  await stopDemo({ run, url });
  expect(receiver.spans.map(({ name }) => name)).toContain('store release lease');
  await receiver.stop();
});

test('a collector that takes connections and never answers delays the end by two seconds at most', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as { port: number };
  const demo = await startDemo({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
  await eventually(
    async () => demo.run.output(),
    (text) => text.includes('demo pipeline started'),
  );
  await stopDemo(demo);
  expect(demo.run.output()).toContain('the last traces may not have been sent');
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
});

test('without the variables nothing of OpenTelemetry is loaded but the small API that others ask for', async () => {
  const demo = await startDemo();
  await stopDemo(demo);
  expect(demo.run.output()).toContain('LOADED=0');
});

/** A trace in which a token was checked and moved, with all its parts. */
function traceOfCheck(spans: readonly ReceivedSpan[]) {
  for (const check of spans.filter(({ name }) => name === 'check tokens')) {
    const job = spans.find(({ spanId }) => spanId === check.parentSpanId);
    const inside = spans.filter(({ parentSpanId }) => parentSpanId === check.spanId);
    const request = inside.find(({ name }) => name === 'GET');
    const update = inside.find(({ name }) => name === 'source write checks');
    const complete = job !== undefined && request !== undefined && update !== undefined;
    if (complete && request.attributes['http.response.status_code'] === 200) {
      return { job, check, request, update };
    }
  }
  return undefined;
}
