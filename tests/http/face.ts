/** Owns the test's HTTP face: real app and server on a free port, with made-up flows, and raw requests to it. */

import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { createApp } from '../../src/http/app.js';
import type { FlowOverview, HttpDeps, StuckReport } from '../../src/http/deps.js';
import { type Listening, type ListenOptions, listen } from '../../src/http/server.js';
import { createLogger } from '../../src/telemetry/logger.js';

/** Headers of every answer. */
export const SECURITY = {
  'x-content-type-options': 'nosniff',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};
/** The moment of the made-up numbers. */
export const asOf = new Date(Date.UTC(2026, 0, 2, 3, 4, 5));

/** A flow with everything known. */
export const tokens: FlowOverview = {
  flow: 'tokens',
  table: 'public.tokens',
  mode: 'journal',
  verdict: 'flowing',
  statuses: [
    { status: 'monitoring', items: 12, stuckItems: 2, oldestAgeSeconds: 240.5 },
    { status: 'active', items: 0, stuckItems: 0, oldestAgeSeconds: undefined },
  ],
  captureLagSeconds: 0.25,
  limits: new Map([['monitoring', { warning: 180, critical: 900 }]]),
  asOf,
};

/** One of two stuck items. */
export const report: StuckReport = {
  items: [
    {
      id: 'So11111111111111111111111111111111111111112',
      status: 'monitoring',
      enteredAt: new Date(asOf.getTime() - 1_000_000),
      ageSeconds: 1_000,
      enteredAtExact: true,
      limit: 'critical',
    },
  ],
  totalStuck: 2,
  asOf,
};

/** A face on a free port, closed when the test ends; `logs` are the lines it wrote. */
export async function startFace(over: Partial<HttpDeps> = {}, options: Partial<ListenOptions> = {}) {
  const logs: string[] = [];
  const stream = { write: (line: string) => void logs.push(line) };
  const app = createApp({
    scrape: async () => ({
      status: 200,
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
      body: 'up 1\n',
    }),
    flows: () => [tokens],
    stuck: async () => report,
    ready: () => ({ ready: true, reasons: [] }),
    buildInfo: { version: '1.2.3' },
    telemetryPath: '/metrics',
    logger: createLogger({ stream, now: () => 0, repeatMs: 0 }).named('http'),
    newRequestId: () => 'request-1',
    ...over,
  });
  const server = await listen(app, { host: '127.0.0.1', port: 0, ...options });
  onTestFinished(() => server.close(0));
  return {
    app,
    server,
    logs,
    get: (path: string, init: Partial<Ask> = {}) => ask(server, { path, ...init }),
  };
}

/** A request, as written on the wire. */
export interface Ask {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** One request on a connection of its own; the path goes out exactly as written. */
export function ask(server: Listening, { path, method = 'GET', headers = {}, body }: Ask) {
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }>(
    (resolve, reject) => {
      const { hostname, port } = new URL(server.url);
      const req = request({ hostname, port, path, method, headers, agent: false }, (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk) => chunks.push(chunk));
        res.on('error', reject);
        res.on('end', () => {
          resolve({
            status: res.statusCode ?? 0,
            headers: res.headers,
            text: Buffer.concat(chunks).toString(),
          });
        });
      });
      req.on('error', reject);
      req.end(body);
    },
  );
}

/** A bare connection that has sent these bytes; closed when the test ends. */
export function rawSocket(server: Listening, bytes: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url);
    const socket = connect({ host: hostname, port: Number(port) }, () => {
      socket.off('error', reject);
      // Being cut off is what these tests provoke.
      socket.on('error', () => {});
      socket.write(bytes, () => resolve(socket));
    });
    socket.once('error', reject);
    onTestFinished(() => void socket.destroy());
  });
}

/** Everything the server still sends on a bare connection until it ends it. */
export function untilEnd(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}
