/** Owns measuring what the instrumentation of HTTP costs per request, in and out. */
import { channel } from 'node:diagnostics_channel';
import { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import express, { type Express } from 'express';
import promBundle from 'express-prom-bundle';
import * as promClient from 'prom-client';
import { instrumentExpress } from '../src/instrument/express.js';
import { instrumentFetch } from '../src/instrument/http-client.js';
import { createMetrics } from '../src/metrics/registry.js';
import { type BenchResult, interleaved } from './result.js';

const REQUESTS = 200;
const BATCHES = 400;
const EVENTS = 20_000;

export async function run(): Promise<BenchResult[]> {
  return [await inbound(), ...(await outbound())];
}

/** Requests handed to the application without a socket: over sockets the noise is larger than what is measured. */
async function inbound(): Promise<BenchResult> {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const bare = application(() => {});
  const ours = application((app) => app.use(instrumentExpress(metrics)));
  const peer = application((app) =>
    app.use(
      (promBundle as unknown as (options: object) => express.RequestHandler)({
        includeMethod: true,
        includePath: true,
        includeStatusCode: true,
        autoregister: false,
        promRegistry: new promClient.Registry(),
      }),
    ),
  );
  const [bareUs, oursUs, peerUs] = await quietest([bare, ours, peer]);
  return {
    name: 'Express middleware, extra CPU per request',
    ours: oursUs! - bareUs!,
    peer: peerUs! - bareUs!,
    ratio: (oursUs! - bareUs!) / (peerUs! - bareUs!),
    unit: 'µs/request',
    method: `requests handed to Express 5 without a socket, ${BATCHES} interleaved batches of ${REQUESTS}, first decile of the batches' times, less that of a bare application (${bareUs!.toFixed(1)} µs); peer express-prom-bundle 8 with method, path and status`,
    atMost: { ratio: 0.2 },
  };
}

/** Times per request in the quiet batches: extra work of a few µs is smaller than what a busy machine adds. */
async function quietest(apps: readonly Express[]): Promise<number[]> {
  const times = apps.map((): number[] => []);
  for (let batch = -BATCHES / 10; batch < BATCHES; batch += 1) {
    for (const [place, app] of apps.entries()) {
      const startMs = performance.now();
      for (let i = 0; i < REQUESTS; i += 1) await inject(app, `/api/users/${i % 50}`);
      if (batch >= 0) times[place]!.push(((performance.now() - startMs) * 1_000) / REQUESTS);
    }
  }
  return times.map((list) => list.sort((a, b) => a - b)[Math.floor(list.length / 10)]!);
}

function application(use: (app: Express) => void): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  use(app);
  const router = express.Router();
  router.get('/users/:id', (_req, res) => {
    res.statusCode = 200;
    res.end('ok');
  });
  app.use('/api', router);
  return app;
}

/** One connection for all requests, as a client that keeps it: a new one for each would cost more than all the rest. */
const connection = new Socket();

/** What Node's server does with a request, as far as a middleware can see. */
function inject(app: Express, url: string): Promise<void> {
  const request = new IncomingMessage(connection);
  request.method = 'GET';
  request.url = url;
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  const response = new ServerResponse(request);
  const sink = {
    writable: true,
    _writableState: { corked: 0 },
    writableLength: 0,
    write: accept,
    cork() {},
    uncork() {},
    on() {},
    once() {},
    removeListener() {},
    destroy() {},
    _httpMessage: null,
  };
  response.assignSocket(sink as unknown as Socket);
  return new Promise((resolve) => {
    response.on('finish', () => {
      response.detachSocket(sink as unknown as Socket);
      response.destroyed = true;
      response.emit('close');
      resolve();
    });
    app(request as never, response as never);
  });
}

function accept(_chunk: unknown, encoding: unknown, done?: unknown): boolean {
  const call = typeof encoding === 'function' ? encoding : done;
  // Later, as a socket does: an answer that ends inside its own `end` is not finished yet.
  if (typeof call === 'function') process.nextTick(call);
  return true;
}

/** The channels of Node's own client, published as it does, so that only the subscribers are measured. */
async function outbound(): Promise<BenchResult[]> {
  const enablePeer = await openTelemetry();
  if (enablePeer === undefined) return [];
  const metrics = createMetrics({ processMetrics: 'omit' });
  const enable = () => instrumentFetch(metrics, { apis: { 'api.example.com': 'quotes' } });
  const figures = await interleaved(
    () => withSubscriber(enable, publishedNs),
    () => withSubscriber(enablePeer, publishedNs),
    { rounds: 41, warmUp: 10 },
  );
  return [
    {
      name: 'fetch instrumentation per request',
      ...figures,
      unit: 'ns/request',
      method: `${EVENTS} requests a round published on undici's channels, publishing included, 41 interleaved rounds; peer: @opentelemetry/instrumentation-undici with a MeterProvider and no tracer`,
      atMost: { ratio: 0.1 },
    },
  ];
}

/** The instrumentation of OpenTelemetry itself, with metrics and without traces. */
async function openTelemetry(): Promise<(() => () => void) | undefined> {
  const peer = '@opentelemetry/instrumentation-undici';
  try {
    const require = createRequire(import.meta.url);
    const sdkNode = createRequire(require.resolve('@opentelemetry/sdk-node'));
    const { MeterProvider } = sdkNode('@opentelemetry/sdk-metrics');
    const { UndiciInstrumentation } = (await import(peer)) as {
      UndiciInstrumentation: new () => {
        setMeterProvider(p: unknown): void;
        enable(): void;
        disable(): void;
      };
    };
    const instrumentation = new UndiciInstrumentation();
    instrumentation.setMeterProvider(new MeterProvider());
    instrumentation.disable();
    return () => {
      instrumentation.enable();
      return () => instrumentation.disable();
    };
  } catch {
    console.log(`peer ${peer} is not installed: npm install --no-save ${peer}`);
    return undefined;
  }
}

function withSubscriber(on: () => () => void, measure: () => number): number {
  const off = on();
  try {
    return measure();
  } finally {
    off();
  }
}

const created = channel('undici:request:create');
const answered = channel('undici:request:headers');
const ended = channel('undici:request:trailers');

/** As large as the client's own. */
class ClientRequest {
  headersTimeout = 300_000;
  bodyTimeout = 300_000;
  method = 'GET';
  abort = null;
  body = null;
  completed = false;
  aborted = false;
  path = '/v1/quotes';
  origin = 'https://api.example.com';
  idempotent = true;
  blocking = false;
  host = null;
  headers = ['accept', '*/*'];
  servername = 'api.example.com';
  addHeader(): void {}
}

function publishedNs(): number {
  const response = { statusCode: 200, headers: [], statusText: 'OK' };
  const startMs = performance.now();
  for (let i = 0; i < EVENTS; i += 1) {
    const request = new ClientRequest();
    created.publish({ request });
    answered.publish({ request, response });
    ended.publish({ request, trailers: [] });
  }
  return ((performance.now() - startMs) * 1e6) / EVENTS;
}
