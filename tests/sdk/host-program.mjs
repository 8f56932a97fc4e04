/** Owns a host that forgives nothing: every hook given to the package throws, and every trace left on the process is told. */
import http, { createServer } from 'node:http';
import https from 'node:https';
import net from 'node:net';

const troubles = [];
process.on('unhandledRejection', (error) => troubles.push(`unhandledRejection: ${error}`));
process.on('uncaughtException', (error) => troubles.push(`uncaughtException: ${error}`));
process.on('warning', (warning) => troubles.push(`warning: ${warning}`));
const listenersBefore = listeners();
const globalsBefore = globals();

const {
  CircuitBreaker,
  createLogger,
  createMetrics,
  createSupervisor,
  Fallback,
  inContext,
  instrumentExpress,
  instrumentFetch,
  Limiter,
  metricsHandler,
  RateLimiter,
  Retry,
  RetryBudget,
  Timeout,
  watchPolicies,
  wrap,
} = await import('flowgauge');

const boom = () => {
  throw new Error('boom');
};
const asyncBoom = async () => boom();

const metrics = createMetrics();
metrics.startEventLoopDelay();
metrics.onScrape(boom);
metrics.onScrape(asyncBoom);
const name = 'quotes';
const budget = new RetryBudget({ name });

/** All policies around one another, with every question that may be given to them answered by `hook`. */
function policyOf(name, hook) {
  return wrap(
    new Fallback({ name, staticValue: 'static', isFailure: hook, handles: hook, alternative: asyncBoom }),
    new Limiter({
      name,
      limit: { needs: 'outcome', initial: { limit: 2 }, next: hook },
      judgeError: hook,
      judgeAnswer: hook,
    }),
    new Retry({
      name,
      baseDelayMs: 1,
      maxRetries: 1,
      budget,
      isRetryable: hook,
      isRetryableAnswer: hook,
      random: hook,
    }),
    new RateLimiter({ name, ratePerSecond: 1_000, burst: 1_000, askedPauseMs: hook }),
    new CircuitBreaker({ name, judgeError: hook, judgeAnswer: hook, recoveryTimeoutMs: 60_000 }),
    new Timeout({ name, timeoutMs: 1_000 }),
  );
}

const policy = policyOf(name, boom);
// The same host with hooks that answer later, and then with an error.
const later = policyOf('later', asyncBoom);
watchPolicies(metrics, [policy, later]);
later.onEvent(asyncBoom);
policy.onEvent(boom);
policy.onEvent(asyncBoom);

createLogger({ level: 'silent' }).info('to standard output');
const log = createLogger({ traceId: boom, stream: { write() {} } });
const laterLog = createLogger({ traceId: asyncBoom, stream: { write: boom } });
const stopFetch = instrumentFetch(metrics, { apis: { '127.0.0.1': 'self' }, exemplar: boom });
const middleware = instrumentExpress(metrics, { exemplar: boom });
const otherMetrics = createMetrics({ processMetrics: 'omit' });
const stopOther = instrumentFetch(otherMetrics, { apis: {}, exemplar: asyncBoom });
const other = instrumentExpress(otherMetrics, { exemplar: asyncBoom });
const scrape = metricsHandler(metrics);

const server = createServer((request, response) => {
  middleware(request, response, () => {
    other(request, response, () => {});
    if (request.url === '/metrics') scrape(request, response);
    else if (request.url === '/begun') {
      // A host that begins an answer of its own and hands the request on as well.
      response.writeHead(200).write('mine');
      scrape(request, response);
    } else response.end('quote');
  });
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${server.address().port}`;

const supervisor = createSupervisor({ on: boom });
supervisor.start({ name: 'good', intervalMs: 5, deadlineMs: 1_000, run: async () => {} });
supervisor.start({ name: 'bad', intervalMs: boom, deadlineMs: 1_000, run: asyncBoom });
supervisor.start({
  name: 'hung',
  intervalMs: 5,
  deadlineMs: 20,
  graceMs: 20,
  run: () => new Promise(() => {}),
});

const answers = [];
for (const work of [
  async () => (await fetch(`${url}/quote`)).text(),
  boom,
  asyncBoom,
  () => new Promise(() => {}),
  // Late: after the deadline of its call.
  () => new Promise((_, reject) => setTimeout(reject, 1_200, new Error('late'))),
]) {
  answers.push(await inContext({ flow: 'tokens' }, () => policy.execute(work)));
}
const laterAnswers = [];
for (const work of [async () => 'quote', asyncBoom]) {
  laterAnswers.push(await later.execute(work));
}
laterLog.error('told to a full disk', { err: new Error('x') });
log.error('told', {
  err: new Error('x'),
  get bad() {
    return boom();
  },
});
await (await fetch(`${url}/begun`)).text().catch(() => {});
const text = await (await fetch(`${url}/metrics`)).text();
// Past the late answer, so that its rejection is heard if it escapes.
await new Promise((resolve) => setTimeout(resolve, 1_400));

stopFetch();
stopOther();
server.closeAllConnections();
server.close();
const report = {
  answers,
  laterAnswers,
  troubles,
  listeners: changed(listenersBefore, listeners()),
  globals: changed(globalsBefore, globals()),
  refreshFailures: /^flowgauge_refresh_failures_total (\d+)$/m.exec(text)?.[1],
  opened: /^circuit_breaker_calls_total\{breaker="quotes",outcome="timeout"\} (\d+)$/m.exec(text)?.[1],
  outbound:
    /^http_client_request_duration_seconds_count\{api="self".*http_response_status_code="200".*\} (\d+)$/m.exec(
      text,
    )?.[1],
};
process.on('exit', () => {
  report.ended = 'by itself';
  process.stdout.write(`${JSON.stringify(report)}\n`);
});
// The jobs are still under way, and the event loop's monitor too: neither may hold a host that is done.

/** How many listeners each event of the process has; signals, exit and errors among them. */
function listeners() {
  return Object.fromEntries(
    process.eventNames().map((event) => [String(event), process.listenerCount(event)]),
  );
}

/** What a package that patches would have changed. */
function globals() {
  return {
    fetch,
    Promise,
    promiseThen: Promise.prototype.then,
    setTimeout,
    setInterval,
    setImmediate,
    queueMicrotask,
    log: console.log,
    prepareStackTrace: Error.prepareStackTrace,
    request: http.request,
    secureRequest: https.request,
    emit: http.Server.prototype.emit,
    connect: net.connect,
    write: process.stdout.write,
    names: Object.keys(globalThis).join(),
  };
}

function changed(before, after) {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (key) => before[key] !== after[key],
  );
}
