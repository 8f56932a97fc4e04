/** Owns the whole way in quick motion: the demo, Prometheus with the bundled rules, Alertmanager, a Telegram that keeps its limits. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { startAlertmanager } from '../harness/alertmanager.js';
import { projectRoot, startDemoProcess } from '../harness/exporter.js';
import { freePort } from '../harness/ports.js';
import { endProcess, pause, startProgram } from '../harness/processes.js';
import { TEST_CHATS } from '../harness/rendered-alertmanager.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { startFakeTelegram } from '../harness/telegram.js';
import { accelerateRules } from './accelerate.js';

/** A message as it arrived, and when, in milliseconds since the demo began to play. */
export interface ArrivedMessage {
  readonly atMs: number;
  readonly chat: string;
  /** The receiver whose chat it is. */
  readonly receiver: string;
  readonly text: string;
}

/** What runs. */
export interface AlertingStack {
  /** Everything that arrived so far. */
  messages(): readonly ArrivedMessage[];
  /** When the scrape-side signal of a bare depth alert rose, and how often it would have written. */
  bareDepth(): { readonly firstMs: number | undefined; readonly messages: number };
  /** Telegram's own complaints: refused texts, broken limits. */
  refusals(): readonly string[];
  /** Instant query of Prometheus. */
  query(
    expression: string,
  ): Promise<readonly { readonly labels: Record<string, string>; readonly value: number }[]>;
  /** Resolves with the first message that holds, or undefined after the time. */
  waitFor(
    holds: (message: ArrivedMessage) => boolean,
    timeoutMs: number,
  ): Promise<ArrivedMessage | undefined>;
  stop(): Promise<void>;
}

/** More items than this for five minutes: what people write who watch a queue's depth alone. */
const BARE_DEPTH_ITEMS = 100;

/** They would speak truly of the machine that runs the tests, which other tests keep busy. */
const ABOUT_THE_MACHINE = [
  'CpuHigh',
  'EventLoopLagging',
  'FilesystemExhaustionPredicted',
  'FilesystemFull',
  'HealthScoreLow',
  'MemoryExhaustionPredicted',
  'MemoryHigh',
  'MemoryUsedHigh',
];

/** The rules that are about the machine and the process, and the trends of hours that they look at. */
const ABOUT_RESOURCES: readonly string[] = ['resources.yml', 'resource-alerts.yml'];

/** Starts all of it. Every length of time of the rules and the routes is divided by `factor`. */
export async function startStack(options: {
  readonly factor: number;
  /** Divides those of the rules about resources instead. */
  readonly resourceFactor?: number | undefined;
  /** Divides the limits of statuses. */
  readonly limitFactor: number;
  readonly demo: readonly string[];
  readonly scrapeIntervalMs: number;
}): Promise<AlertingStack> {
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    return await start(options, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  { factor, resourceFactor = factor, limitFactor, demo, scrapeIntervalMs }: Parameters<typeof startStack>[0],
  stops: (() => Promise<void> | void)[],
  stop: () => Promise<void>,
): Promise<AlertingStack> {
  // Alertmanager writes `factor` times as often, so Telegram's limits run as much faster.
  const telegram = await startFakeTelegram({ speed: factor });
  stops.push(() => telegram.close());
  const alertmanager = await startAlertmanager({
    env: { TELEGRAM_BOT_TOKEN: telegram.token, TELEGRAM_API_URL: telegram.url },
    faster: factor,
  });
  stops.push(() => alertmanager.stop());
  const directory = scratchDirectory('alerting-demo');
  // The demo's database runs as another user when we are root.
  chmodSync(directory, 0o755);
  stops.push(() => removeScratch(directory));
  const exporter = await startDemoProcess(join(directory, 'demo'), demo);
  stops.push(async () => void (await exporter.stop()));
  // A planned fault counts from here.
  while (!exporter.output().includes('demo pipeline started')) {
    if (exporter.child.exitCode !== null)
      throw new Error(`the demo ended: ${exporter.output().slice(-2_000)}`);
    await pause(20);
  }
  const beganMs = performance.now();
  const prometheus = await startRuledPrometheus({
    directory: join(directory, 'prometheus'),
    target: new URL(exporter.url).host,
    alertmanager: alertmanager.address,
    factor,
    resourceFactor,
    limitFactor,
    scrapeIntervalMs,
  });
  stops.push(prometheus.stop);

  const receivers = new Map(
    Object.entries(TEST_CHATS).map(([name, chat]) => [
      chat as string,
      name.replace(/^TELEGRAM_CHAT_ID_?/, '').toLowerCase(),
    ]),
  );
  const arrived: ArrivedMessage[] = [];
  let bareFirstMs: number | undefined;
  let bareChanges = 0;
  let bareFires = false;
  let seen = 0;
  const watch = setInterval(() => {
    for (const { chat, text } of telegram.messages().slice(seen)) {
      arrived.push({ atMs: performance.now() - beganMs, chat, receiver: receivers.get(chat) ?? chat, text });
      seen += 1;
    }
  }, 100);
  const watchBare = setInterval(async () => {
    const samples = await prometheus.query('bare_depth_fires').catch(() => []);
    const fires = samples.some(({ value }) => value === 1);
    if (fires !== bareFires) bareChanges += 1;
    if (fires && bareFirstMs === undefined) bareFirstMs = performance.now() - beganMs;
    bareFires = fires;
  }, 500);
  stops.push(() => {
    clearInterval(watch);
    clearInterval(watchBare);
  });

  return {
    messages: () => arrived,
    bareDepth: () => ({ firstMs: bareFirstMs, messages: bareChanges }),
    refusals: () => [
      ...telegram
        .requests('sendMessage')
        .filter(({ status }) => status === 400)
        .map(({ params }) => `400: ${params.text}`),
      ...telegram.violations().map(({ kind, chat, detail }) => `${kind} ${chat}: ${detail}`),
    ],
    query: prometheus.query,
    async waitFor(holds, timeoutMs) {
      const endMs = performance.now() + timeoutMs;
      while (performance.now() < endMs) {
        const found = arrived.find(holds);
        if (found !== undefined) return found;
        if (exporter.child.exitCode !== null)
          throw new Error(`the demo ended: ${exporter.output().slice(-2_000)}`);
        await pause(100);
      }
      return undefined;
    },
    stop,
  };
}

async function startRuledPrometheus(options: {
  readonly directory: string;
  readonly target: string;
  readonly alertmanager: string;
  readonly factor: number;
  readonly resourceFactor: number;
  readonly limitFactor: number;
  readonly scrapeIntervalMs: number;
}) {
  const { directory, factor } = options;
  mkdirSync(join(directory, 'rules'), { recursive: true });
  const bundle = join(projectRoot, 'prometheus');
  for (const file of readdirSync(join(bundle, 'rules')).filter((name) => name.endsWith('.yml'))) {
    const text = readFileSync(join(bundle, 'rules', file), 'utf8');
    writeFileSync(
      join(directory, 'rules', file),
      accelerateRules(text, ABOUT_RESOURCES.includes(file) ? options.resourceFactor : factor, {
        without: ABOUT_THE_MACHINE,
        limitFactor: options.limitFactor,
      }),
    );
  }
  const window = `${Math.round(300_000 / factor)}ms`;
  const bare = `min_over_time((sum(flow_items{status="monitoring"}) > bool ${BARE_DEPTH_ITEMS})[${window}:500ms])`;
  writeFileSync(
    join(directory, 'rules', 'bare-depth.yml'),
    stringify({ groups: [{ name: 'bare-depth', rules: [{ record: 'bare_depth_fires', expr: bare }] }] }),
  );
  const port = await freePort();
  const self = `127.0.0.1:${port}`;
  const text = readFileSync(join(bundle, 'prometheus.yml'), 'utf8')
    .replaceAll('127.0.0.1:9877', options.target)
    .replaceAll('127.0.0.1:9090', self)
    .replaceAll('127.0.0.1:9093', options.alertmanager);
  const config = parse(text) as { global: Record<string, unknown> };
  const interval = `${options.scrapeIntervalMs}ms`;
  Object.assign(config.global, {
    scrape_interval: interval,
    scrape_timeout: interval,
    evaluation_interval: interval,
  });
  const file = join(directory, 'prometheus.yml');
  writeFileSync(file, stringify(config));
  const child = startProgram({
    command: 'prometheus',
    args: [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=${self}`,
      // Alerts are sent again after this; at its default a resolved alert would come a real minute late.
      `--rules.alert.resend-delay=${Math.round(60_000 / factor)}ms`,
      '--rules.alert.for-grace-period=0s',
      '--log.level=warn',
    ],
    deathSignal: 'KILL',
  });
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    log = (log + part).slice(-20_000);
  });
  child.stdout?.resume();
  const url = `http://${self}`;
  await untilHealthy(
    url,
    () => child.exitCode !== null,
    () => log,
  );
  return {
    async query(expression: string) {
      const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`, {
        signal: AbortSignal.timeout(10_000),
      });
      const body = (await answer.json()) as {
        data?: { result: { metric: Record<string, string>; value: [number, string] }[] };
        error?: string;
      };
      if (body.data === undefined) throw new Error(`${expression}: ${body.error}`);
      return body.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    stop: () => endProcess(child, ['SIGTERM', 'SIGKILL'], 5_000),
  };
}

async function untilHealthy(url: string, isGone: () => boolean, log: () => string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (isGone()) throw new Error(`prometheus ended: ${log()}`);
    const answer = await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(2_000) }).catch(
      () => undefined,
    );
    if (answer?.status === 200) return;
    await pause(100);
  }
  throw new Error(`prometheus does not become ready: ${log()}`);
}
