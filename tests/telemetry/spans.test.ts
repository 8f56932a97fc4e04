/** Checks spans in one process: what fetch sends along, what they say of failures, and what they never say. */
import { channel } from 'node:diagnostics_channel';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { contextFields, exemplarLabels } from '../../src/telemetry/context.js';
import { activeExemplar, activeTraceId } from '../../src/telemetry/host-trace.js';
import { startTracing } from '../../src/telemetry/start-tracing.js';
import type { Tracing } from '../../src/telemetry/tracing.js';
import { eventually } from '../harness/exporter.js';
import { freePort } from '../harness/ports.js';
import { type OtlpReceiver, startOtlpReceiver } from './otlp-receiver.js';

let receiver: OtlpReceiver;
let tracing: Tracing;
let server: Server;
let url: string;
const asked: IncomingHttpHeaders[] = [];

beforeAll(async () => {
  receiver = await startOtlpReceiver();
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = receiver.url;
  process.env.OTEL_EXPORTER_OTLP_PROTOCOL = 'http/json';
  process.env.OTEL_BSP_SCHEDULE_DELAY = '50';
  const log = { warn() {}, debug() {} };
  tracing = await startTracing({ serviceName: 'test', version: '1', log });
  server = createServer((request, response) => {
    asked.push(request.headers);
    response.writeHead(request.url?.includes('broken') ? 500 : 200).end('x');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  expect(await tracing.stop(2_000)).toBe(true);
  await receiver.stop();
  // An ended tracing hears nothing more.
  expect(channel('undici:request:create').hasSubscribers).toBe(false);
});

/** The spans of the trace that began with the span of this name, once it was received. */
async function traceOf(name: string) {
  return eventually(
    async () => {
      const top = receiver.spans.find((span) => span.name === name);
      return receiver.spans.filter((span) => span.traceId === top?.traceId);
    },
    (spans) => spans.length > 0,
  );
}

test('a request sends the traceparent of its own span along', async () => {
  await tracing.span({ name: 'outer', kind: 'internal' }, async () => (await fetch(url)).text());
  const [client, outer] = await traceOf('outer');
  expect(client).toMatchObject({ name: 'GET', kind: 3, parentSpanId: outer!.spanId, status: 0 });
  expect(asked.at(-1)!.traceparent).toBe(`00-${client!.traceId}-${client!.spanId}-01`);
});

test('failures are told by code, and no path, query, key or message is in any span', async () => {
  const port = await freePort();
  await tracing.span({ name: 'failing', kind: 'internal' }, async () => {
    await (
      await fetch(`${url}/bot12345:s3cret/broken?key=s3cret`, { headers: { 'x-key': 's3cret' } })
    ).text();
    await fetch(`http://127.0.0.1:${port}/s3cret`).catch(() => {});
  });
  const spans = await traceOf('failing');
  const types = spans
    .filter(({ kind }) => kind === 3)
    .map(({ attributes, status }) => [attributes['error.type'], status]);
  expect(types).toEqual([
    ['500', 2],
    ['ECONNREFUSED', 2],
  ]);
  const failure = Object.assign(new Error('password is s3cret'), { code: 'SOURCE_DOWN' });
  await expect(
    tracing.span({ name: 'rejected', kind: 'client' }, () => Promise.reject(failure)),
  ).rejects.toBe(failure);
  const throwing = () => {
    throw failure;
  };
  expect(() => tracing.span({ name: 'thrown', kind: 'client' }, throwing)).toThrow(failure);
  for (const name of ['rejected', 'thrown']) {
    const [span] = await traceOf(name);
    expect([span!.attributes['error.type'], span!.status]).toEqual(['SOURCE_DOWN', 2]);
  }
  expect(JSON.stringify(receiver.spans)).not.toContain('s3cret');
});

test('inside a span, lines and exemplars name its trace, and so does the look of a host', async () => {
  const seen = await tracing.span({ name: 'seen', kind: 'internal' }, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return [
      contextFields().trace_id,
      exemplarLabels()?.trace_id,
      activeTraceId(),
      activeExemplar()?.trace_id,
    ];
  });
  const [span] = await traceOf('seen');
  expect(seen).toEqual(Array(4).fill(span!.traceId));
  expect([contextFields(), exemplarLabels(), activeTraceId(), activeExemplar()]).toEqual([
    {},
    undefined,
    undefined,
    undefined,
  ]);
});

test('a span under nothing begins a trace of its own, one under headers joins the caller', async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  await tracing.span({ name: 'around', kind: 'internal' }, async () => {
    await tracing.span({ name: 'alone', kind: 'internal', parent: 'none' }, async () => {});
    await tracing.span({ name: 'joined', kind: 'server', parent: { traceparent } }, async () => {});
  });
  const [alone] = await traceOf('alone');
  const [joined] = await traceOf('joined');
  const [around] = await traceOf('around');
  expect(alone!.parentSpanId).toBeUndefined();
  expect(alone!.traceId).not.toBe(around!.traceId);
  expect(joined).toMatchObject({ traceId: traceparent.slice(3, 35), parentSpanId: 'b7ad6b7169203331' });
});
