/** Owns `flowgauge demo`: the exporter on an embedded database, with a token pipeline or a replayed log to watch. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Environment } from '../config/environment.js';
import { parseConfig } from '../config/load.js';
import type { ValidConfig } from '../config/valid-config.js';
import { type LogColumns, readEventLog } from '../demo/event-log.js';
import type { DemoLog } from '../demo/loop.js';
import { startPipeline } from '../demo/pipeline.js';
import { prometheusPort, runningAlertmanager, startPrometheus } from '../demo/prometheus.js';
import {
  parseReplaySpeed,
  prepareReplay,
  ReplayInterruptedError,
  type ReplaySpeed,
  replay,
} from '../demo/replay.js';
import { SCENARIOS, type Scenario } from '../demo/scenarios.js';
import { createTokensTable } from '../demo/schema.js';
import { flowgaugeYaml } from '../demo/watch-config.js';
import { instrumentFetch } from '../instrument/http-client.js';
import type { OpenDatabases } from '../open-databases.js';
import { type Exporter, startExporter } from '../serve.js';
import { exemplarLabels } from '../telemetry/context.js';
import type { RootLogger } from '../telemetry/logger.js';
import { DemoOptionError, scenarioPlan } from './demo-scenario.js';
import { installFlows, type Print, resolveFlows } from './install.js';

export const DEMO_HELP = `Usage: flowgauge demo [flags]

Runs the exporter on an embedded PostgreSQL with something to watch.

  --scenario NAME              play a fault: ${SCENARIOS.join(', ')}
  --scenario-start 30s         when it begins after the start
  --scenario-lasts 20m         how long it lasts (default: as long as its alerts need)
  --seed TEXT                  another market
  --speed 300x                 how many times faster than the real one the market runs (default 300x);
                               of a replay: how many times faster than the log, or "unlimited" (default 100000x)
  --replay FILE.csv            replay a real event log instead of the token pipeline; goes on where it was stopped
  --replay-restart             empty the replayed table first: each item leaves it, then the log begins anew
  --columns item=A,status=B,time=C   the log's columns (default CaseID, ActivityID, CompleteTimestamp)
  --data DIRECTORY             where the embedded database lives (default .flowgauge)
  --web.listen-address H:P     where to listen (default 127.0.0.1:9877)
  --no-prometheus              do not start Prometheus even if it is installed
`;

const DEFAULT_COLUMNS = 'item=CaseID,status=ActivityID,time=CompleteTimestamp';

/** What the command line of the demo says, checked. */
interface DemoOptions {
  readonly scenario: Scenario | undefined;
  readonly seed: string | undefined;
  readonly speed: number | undefined;
  readonly replay: ReplayPlan | undefined;
  readonly directory: string;
  readonly listenAddress: string;
  readonly prometheus: boolean;
}

/** What is replayed, and how. */
interface ReplayPlan {
  readonly file: string;
  readonly speed: ReplaySpeed;
  readonly resume: 'continue' | 'restart';
  readonly columns: LogColumns;
}

/** Starts the demo; resolves with the way to stop all of it. */
export async function startDemo(parts: {
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly version: string;
  /** The folder of the package, with `prometheus/` in it. */
  readonly root: string;
  readonly log: RootLogger;
  readonly print: Print;
}): Promise<() => Promise<void>> {
  const { env, version, root, log, print } = parts;
  const options = parseDemoOptions(parts.argv);
  mkdirSync(options.directory, { recursive: true, mode: 0o755 });
  const stopping = new AbortController();
  const searchPath = env.PATH ?? '';
  const bundle = join(root, 'prometheus');
  const port = options.prometheus ? await prometheusPort(searchPath) : undefined;
  const servers = { prometheusPort: port, alertmanager: await runningAlertmanager(bundle) };
  const config = await demoConfig(options, env, servers);
  const exporter = await startExporter({
    config,
    version,
    log,
    prepare: (databases) => prepare(options, config, databases),
  });
  const work = await startWork(options, exporter, log, print, stopping.signal);
  const prometheus = options.prometheus
    ? await startPrometheus({
        bundle,
        directory: join(options.directory, 'prometheus'),
        target: new URL(exporter.url).host,
        searchPath,
        port,
      })
    : undefined;
  tell(print, exporter.url, prometheus?.url, options);
  return async () => {
    stopping.abort();
    await work();
    await prometheus?.stop();
    await exporter.stop();
  };
}

function parseDemoOptions(argv: readonly string[]): DemoOptions {
  const { values } = parseDemoArguments(argv);
  if (values.replay === undefined && (values['replay-restart'] || values.columns !== undefined)) {
    const flag = values.columns === undefined ? '--replay-restart' : '--columns';
    throw new DemoOptionError(`${flag} says how a log is replayed; name the log with --replay FILE.csv.`);
  }
  return {
    scenario: scenarioPlan(values),
    seed: values.seed,
    speed: values.replay === undefined ? marketSpeed(values.speed) : undefined,
    replay: values.replay === undefined ? undefined : replayPlan(values.replay, values),
    directory: resolve(values.data ?? '.flowgauge'),
    listenAddress: values['web.listen-address'] ?? '127.0.0.1:9877',
    prometheus: values['no-prometheus'] !== true,
  };
}

function replayPlan(
  file: string,
  values: Pick<ReturnType<typeof parseDemoArguments>['values'], 'speed' | 'columns' | 'replay-restart'>,
): ReplayPlan {
  return {
    file,
    speed: parseReplaySpeed(values.speed ?? '100000x'),
    resume: values['replay-restart'] === true ? 'restart' : 'continue',
    columns: parseColumns(values.columns ?? DEFAULT_COLUMNS),
  };
}

function parseColumns(text: string): LogColumns {
  const named = Object.fromEntries(text.split(',').map((pair) => pair.split('=', 2))) as Partial<LogColumns>;
  const { item, status, time } = named;
  if (item && status && time) return { item, status, time };
  throw new DemoOptionError(
    `--columns is ${JSON.stringify(text)}; write item=COLUMN,status=COLUMN,time=COLUMN.`,
  );
}

function marketSpeed(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const speed = /^(\d+(?:\.\d+)?)x?$/.exec(text)?.[1];
  if (speed === undefined) {
    throw new DemoOptionError(`--speed of the market is ${JSON.stringify(text)}; write for example 300x.`);
  }
  return Number(speed);
}

function parseDemoArguments(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        scenario: { type: 'string' },
        'scenario-start': { type: 'string' },
        'scenario-lasts': { type: 'string' },
        seed: { type: 'string' },
        speed: { type: 'string' },
        replay: { type: 'string' },
        'replay-restart': { type: 'boolean' },
        columns: { type: 'string' },
        data: { type: 'string' },
        'web.listen-address': { type: 'string' },
        'no-prometheus': { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new DemoOptionError(`${error instanceof Error ? error.message : String(error)}\n\n${DEMO_HELP}`);
  }
}

/** The servers beside the demo that the exporter is to ask. */
interface DemoServers {
  readonly prometheusPort: number | undefined;
  readonly alertmanager: string | undefined;
}

async function demoConfig(
  options: DemoOptions,
  env: Environment,
  { prometheusPort: port, alertmanager }: DemoServers,
): Promise<ValidConfig> {
  const flows =
    options.replay === undefined
      ? flowgaugeYaml({ kind: 'tokens' })
      : flowgaugeYaml({
          kind: 'replay',
          statuses: (await readEventLog(options.replay.file, options.replay.columns)).statuses,
        });
  const text = [
    `web: { listen_address: ${JSON.stringify(options.listenAddress)} }`,
    `store: { embedded: ${JSON.stringify(join(options.directory, 'postgres'))} }`,
    ...(port === undefined ? [] : [`prometheus: { url: "http://127.0.0.1:${port}" }`]),
    ...(alertmanager === undefined ? [] : [`alertmanager: { url: ${JSON.stringify(alertmanager)} }`]),
    flows,
  ].join('\n');
  // The demo is a world of its own: a DATABASE_URL in the environment must not be watched by accident.
  const { DATABASE_URL: _source, STORE_URL: _store, FLOWGAUGE_CONFIG: _config, ...rest } = env;
  return parseConfig(text, { fileName: 'the demo', env: rest });
}

async function prepare(options: DemoOptions, config: ValidConfig, databases: OpenDatabases): Promise<void> {
  if (options.replay === undefined) await createTokensTable(databases.sourceUrl);
  else await prepareReplay(databases.sourceUrl);
  const flows = await resolveFlows(databases.source, config.flows);
  await installFlows(databases.source, flows, config.journal.maxRows);
}

/** Starts what moves the items; resolves with the way to end it. */
async function startWork(
  options: DemoOptions,
  exporter: Exporter,
  log: RootLogger,
  print: Print,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const demoLog = {
    info: (fields: object, msg: string) => log.named('demo').info(msg, { ...fields }),
    warn: (fields: object, msg: string) => log.named('demo').warn(msg, { ...fields }),
    error: (fields: object, msg: string) => log.named('demo').error(msg, { ...fields }),
  };
  const url = exporter.databases.sourceUrl;
  // What happens before the baseline is part of it and would not be counted.
  while (!exporter.ready().ready && !signal.aborted) await sleep(50);
  if (options.replay === undefined) {
    const pipeline = await startPipeline({
      url,
      log: demoLog,
      signal,
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.speed === undefined ? {} : { speed: options.speed }),
      scenario: options.scenario,
      tracing: exporter.tracing,
      metrics: exporter.metrics,
    });
    print(`market API of the demo:  ${pipeline.apiUrl}`);
    const apis = { [new URL(pipeline.apiUrl).host]: 'market' };
    const stopObserving = instrumentFetch(exporter.metrics, { apis, exemplar: exemplarLabels });
    return async () => {
      await pipeline.stop();
      stopObserving();
    };
  }
  const running = replayToEnd(options.replay, url, demoLog, signal).then(
    (result) => print(`replay ${result.outcome}: ${result.written} of ${result.events} events written`),
    (err) => log.named('demo').error('replay failed', { err }),
  );
  return () => running;
}

/** A database that fails during the replay is waited for; what was stored is known there and not written again. */
async function replayToEnd(plan: ReplayPlan, url: string, log: DemoLog, signal: AbortSignal) {
  let { resume } = plan;
  for (;;) {
    try {
      return await replay({ ...plan, resume, url, signal, log });
    } catch (error) {
      if (!(error instanceof ReplayInterruptedError) || signal.aborted) throw error;
      log.warn({ reason: error.message }, 'replay interrupted; it goes on in a second');
      // A second restart would take the items out of the table twice.
      if (error.opened) resume = 'continue';
      await sleep(1_000);
    }
  }
}

function tell(print: Print, url: string, prometheus: string | undefined, options: DemoOptions): void {
  print(`landing page:            ${url}/`);
  print(`metrics:                 ${url}/metrics`);
  if (options.replay === undefined) print(`stuck tokens:            ${url}/api/flows/tokens/stuck?limit=20`);
  if (prometheus === undefined) {
    print('Prometheus:              not started (not on the PATH, or switched off)');
  } else {
    print(
      `Prometheus:              ${prometheus}/graph?g0.expr=sum(rate(flow_transitions_total%5B1m%5D))by(from%2Cto)*60`,
    );
  }
  print('Stop with Ctrl-C.');
}
