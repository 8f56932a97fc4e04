/** Checks the outage of the market API as a real Prometheus sees it: the breaker opens, tries, and closes again. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startPipeline } from '../../src/demo/pipeline.js';
import { planScenario } from '../../src/demo/scenarios.js';
import { instrumentFetch } from '../../src/instrument/http-client.js';
import { watchPolicies } from '../../src/metrics/policies.js';
import { createMetrics, type Metrics } from '../../src/metrics/registry.js';
import { createScraper } from '../../src/metrics/scrape.js';
import { CircuitBreaker } from '../../src/resilience/breaker.js';
import { freshDatabase } from '../harness/fresh-database.js';
import { startPrometheus } from '../harness/prometheus.js';

const SCRAPE_MS = 500;

/** Serves the metrics on a free port, and tells when a scrape was answered; answers `host:port`. */
async function serve(metrics: Metrics, answered = () => {}): Promise<string> {
  const scraper = createScraper(metrics);
  const server = createServer(async (req, res) => {
    const { status, headers, body } = await scraper.scrape({ accept: req.headers.accept });
    res.on('finish', answered).writeHead(status, headers);
    if (Buffer.isBuffer(body)) res.end(body);
    else body.pipe(res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('api-outage: open, half-open and closed again, with rejected calls and failed requests beside them', async () => {
  const database = await freshDatabase();
  onTestFinished(() => database.drop());
  const metrics = createMetrics();
  const prometheus = await startPrometheus({ target: await serve(metrics), scrapeIntervalMs: SCRAPE_MS });
  onTestFinished(() => prometheus.stop());
  const pipeline = await startPipeline({
    url: database.url,
    log: { info: () => {}, warn: () => {} },
    seed: 'test',
    speed: 20_000,
    market: { arrivalsPerHour: 6, listedShare: 0.8 },
    metrics,
    // Half-open shorter than a scrape interval when the trials go well: only the counters can show it.
    policies: { recoveryTimeoutMs: 1_500, timeoutMs: 500 },
  });
  onTestFinished(() => pipeline.stop());
  onTestFinished(instrumentFetch(metrics, { apis: { [new URL(pipeline.apiUrl).host]: 'market' } }));

  const state = (name: string) => `circuit_breaker_state{breaker="market",state="${name}"}`;
  const isOne = (samples: readonly { value: number }[]) => samples[0]?.value === 1;
  const isPositive = (samples: readonly { value: number }[]) => (samples[0]?.value ?? 0) > 0;
  await prometheus.waitFor(state('closed'), isOne);
  await prometheus.waitFor('circuit_breaker_calls_total{breaker="market",outcome="success"}', isPositive);
  expect(await prometheus.query('circuit_breaker_transitions_total{from="closed",to="open"}')).toMatchObject([
    { value: 0 },
  ]);

  pipeline.play(planScenario('api-outage', { startMs: 0, durationMs: 60_000 }));
  await prometheus.waitFor(state('open'), isOne);
  await prometheus.waitFor('circuit_breaker_calls_total{breaker="market",outcome="rejected"}', isPositive);
  await prometheus.waitFor('circuit_breaker_transitions_total{from="open",to="half_open"}', isPositive);
  await prometheus.waitFor('circuit_breaker_transitions_total{from="half_open",to="open"}', isPositive);
  await prometheus.waitFor(
    'http_client_request_duration_seconds_count{api="market",http_response_status_code="503"}',
    isPositive,
  );
  expect(pipeline.stats().requests.rejected).toBeGreaterThan(0);

  pipeline.play(undefined);
  await prometheus.waitFor('circuit_breaker_transitions_total{from="half_open",to="closed"}', isPositive);
  await prometheus.waitFor(state('closed'), isOne);
  await prometheus.waitFor('circuit_breaker_state_seconds_total{state="open"}', isPositive);
  await prometheus.waitFor('circuit_breaker_state_seconds_total{state="half_open"}', isPositive);
  // What was open in between is open no longer, and one state is true at each scrape.
  const sums = await prometheus.query('min_over_time(sum(circuit_breaker_state)[2m:500ms])');
  expect(sums).toMatchObject([{ value: 1 }]);
  await prometheus.waitFor('retry_attempts_total{policy="market",outcome="retried"}', isPositive);
});

test('an opening between two scrapes is in the seconds and the transitions, although no scrape saw it', async () => {
  const metrics = createMetrics();
  const breaker = new CircuitBreaker({
    name: 'blink',
    failureThreshold: 1,
    recoveryTimeoutMs: 100,
    successThreshold: 1,
  });
  watchPolicies(metrics, [breaker]);
  let scrapes = 0;
  const waiting: (() => void)[] = [];
  const target = await serve(metrics, () => {
    scrapes += 1;
    for (const wake of waiting.splice(0)) wake();
  });
  const prometheus = await startPrometheus({ target, scrapeIntervalMs: 2_000 });
  onTestFinished(() => prometheus.stop());
  await prometheus.waitFor(
    'circuit_breaker_state{breaker="blink",state="closed"}',
    ([one]) => one?.value === 1,
  );

  // Right behind a scrape: the next one is due in two seconds, when all is over.
  await new Promise<void>((wake) => waiting.push(wake));
  const before = scrapes;
  const startMs = performance.now();
  await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => {});
  expect(breaker.state).toBe('open');
  while (breaker.state === 'open') await new Promise((resolve) => setTimeout(resolve, 10));
  await breaker.execute(() => 'up');
  expect(breaker.state).toBe('closed');
  const openSeconds = (performance.now() - startMs) / 1000;
  expect(scrapes).toBe(before);
  expect(openSeconds).toBeLessThan(2);

  const count = 'circuit_breaker_transitions_total{breaker="blink",from="closed",to="open"}';
  await prometheus.waitFor(count, ([one]) => one?.value === 1);
  const [open] = await prometheus.query('circuit_breaker_state_seconds_total{breaker="blink",state="open"}');
  expect(open!.value).toBeGreaterThanOrEqual(0.1);
  expect(open!.value).toBeLessThanOrEqual(openSeconds);
  const seen = await prometheus.query(
    'max_over_time(circuit_breaker_state{breaker="blink",state="open"}[5m])',
  );
  expect(seen).toMatchObject([{ value: 0 }]);
});
