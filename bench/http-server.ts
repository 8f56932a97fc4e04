/** Owns the two servers that the HTTP measurement asks: ours and Express with prom-client, each in a process of its own. */
import express from 'express';
import * as promClient from 'prom-client';
import { createApp } from '../src/http/app.js';
import { listen } from '../src/http/server.js';
import { instrumentExpress } from '../src/instrument/express.js';
import { createMetrics } from '../src/metrics/registry.js';
import { createScraper } from '../src/metrics/scrape.js';

const SERIES = 900;

const sets = Array.from({ length: SERIES }, (_, i) => ({
  flow: `flow-${i % 10}`,
  from: `status-${i % 30}`,
  to: `status-${Math.floor(i / 30)}`,
}));

async function serveOurs(): Promise<string> {
  const metrics = createMetrics();
  for (const [i, set] of sets.entries()) metrics.flowTransitions.inc(set, i);
  const scraper = createScraper(metrics);
  const silent = { error() {}, warn() {}, debug() {} };
  const app = createApp({
    scrape: (headers) =>
      scraper.scrape({ accept: headers.accept, acceptEncoding: String(headers['accept-encoding'] ?? '') }),
    flows: () => [],
    stuck: async () => ({ items: [], totalStuck: 0, asOf: new Date(0) }),
    ready: () => ({ ready: true, reasons: [] }),
    buildInfo: { version: 'bench' },
    telemetryPath: '/metrics',
    logger: silent,
    instrument: instrumentExpress(metrics),
  });
  return (await listen(app, { host: '127.0.0.1', port: 0 })).url;
}

async function servePeer(): Promise<string> {
  const registry = new promClient.Registry();
  promClient.collectDefaultMetrics({ register: registry });
  const counter = new promClient.Counter({
    name: 'flow_transitions_total',
    help: 'Status changes that were observed.',
    labelNames: ['flow', 'from', 'to'],
    registers: [registry],
  });
  for (const [i, set] of sets.entries()) counter.inc(set, i);
  const app = express();
  app.get('/metrics', async (_req, res) => {
    res.set('Content-Type', registry.contentType);
    res.end(await registry.metrics());
  });
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

const which = process.argv[2];
if (which === 'ours' || which === 'peer') {
  const url = which === 'ours' ? await serveOurs() : await servePeer();
  process.send?.(url);
  // Nobody is left to be answered once the measurement has gone.
  process.on('disconnect', () => process.exit());
}
