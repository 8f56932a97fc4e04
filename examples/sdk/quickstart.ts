/** Shows a breaker on /metrics: a service that calls a shaky dependency, in thirty lines. Run it and open the address. */
import { createServer } from 'node:http';
import { BreakerOpenError, CircuitBreaker, createMetrics, metricsHandler, watchPolicies } from 'flowgauge';

const metrics = createMetrics();
const quotes = new CircuitBreaker({ name: 'quotes', failureThreshold: 3, recoveryTimeoutMs: 5_000 });
watchPolicies(metrics, [quotes]);

/** Stands for the dependency: down for ten seconds, up for twenty. */
async function fetchQuote(): Promise<number> {
  if (Date.now() % 30_000 < 10_000) throw new Error('the quote service is down');
  return 42;
}

const scrape = metricsHandler(metrics);
const server = createServer(async (request, response) => {
  if (request.url === '/metrics') return scrape(request, response);
  try {
    response.end(`${await quotes.execute(fetchQuote)}\n`);
  } catch (error) {
    // The breaker answers at once while the dependency is down; it says when to come back.
    const waitMs = error instanceof BreakerOpenError ? (error.retryAfterMs ?? 1_000) : 1_000;
    response.writeHead(503, { 'retry-after': String(Math.ceil(waitMs / 1000)) }).end('try again later\n');
  }
});
server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1');
