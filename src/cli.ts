#!/usr/bin/env node
/** Owns the command line: which command, its exit code, and the only place that prints to the terminal. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCheck } from './commands/check.js';
import { DEMO_HELP, startDemo } from './commands/demo.js';
import { staleDocs, writeDocs } from './commands/docs.js';
import { runInstall, runUninstall } from './commands/install.js';
import { runNotifyTest, takeNames } from './commands/notify.js';
import { RENDER_HELP, runRender } from './commands/render.js';
import { processEnvironment } from './config/environment.js';
import { parseFlags, renderHelp } from './config/flags.js';
import { configFileOf, loadConfig } from './config/load.js';
import { ConfigError } from './config/problem.js';
import { readServiceManager } from './config/service-manager.js';
import { LogLevelSwitch } from './log-level.js';
import { openDatabases } from './open-databases.js';
import { startExporter } from './serve.js';
import { ServiceManagerLink } from './service-manager.js';
import { createLogger, type RootLogger } from './telemetry/logger.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
const env = processEnvironment();

const HELP = `flowgauge ${version}: counts every item that moves through your system.

  flowgauge [serve] [flags]     run the exporter (flowgauge serve --help)
  flowgauge demo [flags]        run it with something to watch (flowgauge demo --help)
  flowgauge check [flags]       check configuration, connections and tables
  flowgauge install [--apply]   print or run the SQL that captures changes exactly
    --reader=ROLE               the role the exporter connects as, if it is not the one that installs
  flowgauge uninstall [--apply] print or run the SQL that removes every trace of it
  flowgauge render alertmanager write Alertmanager's configuration (flowgauge render --help)
  flowgauge notify test         send a test message to each chat, and explain what fails
    --to=NAME                   to this chat or webhook only
  flowgauge docs [--check]      write the generated references, or say which are out of date

check, install and uninstall take the flags of serve as well. A running exporter takes SIGUSR2: log level debug, and
back; and SIGHUP: read the configuration and the web configuration file again.
`;

/** Errors of these codes are answers: the message is for the operator and a stack would only hide it. */
const ANSWERS = new Set([
  'CONFIG_INVALID',
  'DEMO_OPTION',
  'EVENT_LOG_INVALID',
  'FLOW_REFUSED',
  'NOTIFY_OPTION',
  'PIPELINE_OPTION_INVALID',
  'RENDER_OPTION',
  'REPLAY_OPTION_INVALID',
  'SCENARIO_INVALID',
]);

async function main(argv: readonly string[]): Promise<void> {
  const [first, ...rest] = argv;
  if (first === '--help' || first === '-h' || first === 'help') return print(HELP);
  if (first === '--version') return print(version);
  if (first === undefined || first.startsWith('-')) return serve(argv);
  if (first === 'render' && rest.includes('--help')) return print(RENDER_HELP);
  if (first !== 'serve' && first !== 'demo' && rest.includes('--help')) return print(HELP);
  switch (first) {
    case 'serve':
      return serve(rest);
    case 'demo':
      return rest.includes('--help') ? print(DEMO_HELP) : demo(rest);
    case 'check':
      return check(rest);
    case 'install':
    case 'uninstall':
      return changeCapture(first, rest);
    case 'render':
      return runRender(rest, { root, env, print });
    case 'notify':
      return notify(rest);
    case 'docs':
      return docs(rest);
    default:
      fail(`Unknown command ${JSON.stringify(first)}.\n\n${HELP}`, 2);
  }
}

async function serve(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv);
  if (flags.help) return print(renderHelp());
  if (flags.version) return print(version);
  const config = loadConfig({ env, flags });
  if (flags.configCheck) return print('The configuration is good.');
  // The one of this start: a file that is gone later must be missed, not taken for a file that says nothing.
  const file = configFileOf({ env, flags });
  const log = createLogger({ level: config.log.level, now: Date.now });
  const level = new LogLevelSwitch(log, config.log.level);
  process.on('SIGUSR2', () => level.toggle());
  const reading =
    file === undefined
      ? undefined
      : {
          read: () => loadConfig({ file, env, flags, reading: 'again' }),
          setLogLevel: level.take.bind(level),
        };
  // From here on, because without a listener the signal would end the process; one that comes early is not lost.
  let isWanted = false;
  let reload = () => {
    isWanted = true;
  };
  process.on('SIGHUP', () => reload());
  await runUntilSignal(log, async () => {
    const exporter = await startExporter({ config, version, log, reading, manager: serviceManager(log) });
    reload = () => void exporter.reload();
    if (isWanted) reload();
    return () => exporter.stop();
  });
}

function serviceManager(log: RootLogger): ServiceManagerLink | undefined {
  const manager = readServiceManager(env, process.pid);
  return manager === undefined ? undefined : new ServiceManagerLink(manager, log.named('service_manager'));
}

async function demo(argv: readonly string[]): Promise<void> {
  const log = createLogger({ level: 'info', now: Date.now });
  const level = new LogLevelSwitch(log, 'info');
  process.on('SIGUSR2', () => level.toggle());
  await runUntilSignal(log, () => startDemo({ argv, env, version, root, log, print }));
}

async function check(argv: readonly string[]): Promise<void> {
  const config = loadConfig({ env, flags: parseFlags(argv) });
  const log = createLogger({ level: 'silent', now: Date.now });
  const databases = await openDatabases(config, log);
  const good = await runCheck(config, databases, print);
  await databases.close(5_000);
  process.exitCode = good ? 0 : 1;
}

const READER = '--reader=';

function readerOf(argv: readonly string[]): string | undefined {
  return argv.find((a) => a.startsWith(READER) && a.length > READER.length)?.slice(READER.length);
}

async function changeCapture(command: 'install' | 'uninstall', argv: readonly string[]): Promise<void> {
  const apply = argv.includes('--apply') ? 'apply' : 'print';
  const readerRole = command === 'install' ? readerOf(argv) : undefined;
  const others = argv.filter((a) => a !== '--apply' && (readerRole === undefined || !a.startsWith(READER)));
  const config = loadConfig({ env, flags: parseFlags(others) });
  const databases = await openDatabases(config, createLogger({ level: 'silent', now: Date.now }));
  try {
    if (command === 'install') await runInstall(databases.source, config, apply, print, readerRole);
    else await runUninstall(databases.source, config, apply, print);
  } finally {
    await databases.close(5_000);
  }
}

async function notify(argv: readonly string[]): Promise<void> {
  const [what, ...others] = argv;
  if (what !== 'test')
    return fail(`Unknown: flowgauge notify ${what ?? ''}. Write: flowgauge notify test`, 2);
  const { only, rest } = takeNames(others);
  const { notifications: config } = loadConfig({ env, flags: parseFlags(rest) });
  const log = createLogger({ level: 'silent', now: Date.now });
  const good = await runNotifyTest({ config, only, log, print, wallMs: Date.now });
  process.exitCode = good ? 0 : 1;
}

function docs(argv: readonly string[]): void {
  if (!argv.includes('--check')) {
    const changed = writeDocs(root);
    print(changed.length === 0 ? 'docs/: up to date' : `docs/: wrote ${changed.join(', ')}`);
    return;
  }
  const stale = staleDocs(root);
  if (stale.length > 0) fail(`docs/: out of date: ${stale.join(', ')}. Run: npm run generate`, 1);
}

/**
 * Starts, and ends on the first SIGTERM or SIGINT, once; a process in an unknown state ends too, and is started again
 * by its supervisor. A signal that comes during the start waits for it: half a start would leave a database running.
 */
async function runUntilSignal(log: RootLogger, start: () => Promise<() => Promise<void>>): Promise<void> {
  let stopping = false;
  let started: (stop: () => Promise<void>) => void = () => {};
  const running = new Promise<() => Promise<void>>((resolve) => {
    started = resolve;
  });
  const end = (code: number) => {
    if (stopping) return;
    stopping = true;
    // Whatever hangs, the process is gone in time for its supervisor.
    setTimeout(() => process.exit(code === 0 ? 1 : code), 14_000).unref();
    running
      .then((stop) => stop())
      .then(
        () => process.exit(code),
        (err) => {
          log.error('stopping failed', { err });
          process.exit(1);
        },
      );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(0));
  const die = (err: unknown) => {
    log.fatal('unexpected error; the process ends', { err });
    end(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
  started(await start());
}

function print(line: string): void {
  console.log(line);
}

function fail(message: string, code: number): void {
  console.error(message);
  process.exitCode = code;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  if (error instanceof ConfigError) fail(error.message, 2);
  else if (code !== undefined && ANSWERS.has(code)) fail((error as Error).message, 2);
  else if (code !== undefined && error instanceof Error) fail(`${error.message} (${code})`, 1);
  else fail(error instanceof Error ? (error.stack ?? error.message) : String(error), 1);
  // Parts that had started may still hold timers; nothing of ours must outlive a failed start.
  setTimeout(() => process.exit(), 3_000).unref();
});
