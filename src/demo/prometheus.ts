/** Owns the Prometheus that the demo starts when one is installed, wired to the bundled configuration. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { delimiter, join } from 'node:path';

/** The target that the bundled configuration names; another listen address is put in its place. */
const BUNDLED_TARGET = '127.0.0.1:9877';
const BUNDLED_SELF = '127.0.0.1:9090';
const DEFAULT_PORT = 9090;
const CONNECT_PATIENCE_MS = 1_000;

export interface DemoPrometheus {
  readonly url: string;
  /** Ends it and waits until it is gone. */
  stop(): Promise<void>;
}

export interface DemoPrometheusOptions {
  /** The folder with prometheus.yml. */
  readonly bundle: string;
  /** A folder of ours for its data and the adapted configuration. */
  readonly directory: string;
  /** `host:port` of the exporter. */
  readonly target: string;
  /** The PATH to look in. */
  readonly searchPath: string;
  /** Where it is to listen, as {@link prometheusPort} chose it. Default: chosen now. */
  readonly port?: number | undefined;
}

/**
 * The port of the Prometheus that is going to be started: the exporter must know it before there is a server to ask.
 * Undefined when none is on the search path.
 */
export async function prometheusPort(searchPath: string): Promise<number | undefined> {
  if (findBinary('prometheus', searchPath) === undefined) return undefined;
  return (await isFree(DEFAULT_PORT)) ? DEFAULT_PORT : freePort();
}

/** The Alertmanager that the bundled configuration names, if one listens there. */
export async function runningAlertmanager(bundle: string): Promise<string | undefined> {
  const config = readFileSync(join(bundle, 'prometheus.yml'), 'utf8');
  const address = alertmanagerAddress(config);
  return address !== undefined && (await hasAlertmanager(config))
    ? `http://${address.host}:${address.port}`
    : undefined;
}

/** Starts Prometheus, or resolves with undefined when none is on the search path. */
export async function startPrometheus(options: DemoPrometheusOptions): Promise<DemoPrometheus | undefined> {
  const binary = findBinary('prometheus', options.searchPath);
  const port = options.port ?? (await prometheusPort(options.searchPath));
  if (binary === undefined || port === undefined) return undefined;
  mkdirSync(join(options.directory, 'data'), { recursive: true });
  const file = join(options.directory, 'prometheus.yml');
  const bundled = readFileSync(join(options.bundle, 'prometheus.yml'), 'utf8');
  const config = ((await hasAlertmanager(bundled)) ? bundled : withoutAlertmanager(bundled))
    .replaceAll(BUNDLED_TARGET, options.target)
    .replaceAll(BUNDLED_SELF, `127.0.0.1:${port}`)
    // The copy lies in another folder, so paths beside the original must become absolute.
    .replace('- rules/', `- ${join(options.bundle, 'rules')}/`)
    // The demo is looked at for minutes: a scrape every 15 s would show nothing of it.
    .replace(/scrape_interval: \S+/, 'scrape_interval: 5s')
    .replace(/scrape_timeout: \S+/, 'scrape_timeout: 4s')
    .replace(/evaluation_interval: \S+/, 'evaluation_interval: 5s');
  writeFileSync(file, config);
  // Without it a Prometheus outlives our SIGKILL, and the next demo starts a second one on the same data.
  const leash = findBinary('setpriv', options.searchPath);
  const child = spawn(
    leash ?? binary,
    [
      ...(leash === undefined ? [] : ['--pdeathsig', 'TERM', '--', binary]),
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(options.directory, 'data')}`,
      '--storage.tsdb.retention.time=2d',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  );
  const failed = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(true));
    child.once('exit', () => resolve(true));
    setTimeout(() => resolve(false), 500).unref();
  });
  if (failed) return undefined;
  return { url: `http://127.0.0.1:${port}`, stop: () => endChild(child) };
}

/** Whether something listens where the configuration expects Alertmanager. */
function hasAlertmanager(config: string): Promise<boolean> {
  const address = alertmanagerAddress(config);
  if (address === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ ...address, timeout: CONNECT_PATIENCE_MS });
    const end = (listens: boolean) => {
      socket.destroy();
      resolve(listens);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

function alertmanagerAddress(config: string): { readonly host: string; readonly port: number } | undefined {
  const [, host, port] =
    /^ {2}alertmanagers:\n(?: {4}.*\n)*? .*targets: \["([^":]+):(\d+)"/m.exec(config) ?? [];
  return host === undefined ? undefined : { host, port: Number(port) };
}

/**
 * The configuration for a machine without Alertmanager: alerts go nowhere, and that is no alarm. Someone who takes a first
 * look is not to be told that the alerting is broken.
 */
export function withoutAlertmanager(config: string): string {
  return (
    config
      .replace(/^ {2}alertmanagers:\n(?: {4}.*\n)+/m, '')
      .replace(/^ {2}- job_name: alertmanager\n(?: {4}.*\n|\n)*/m, '')
      // Prometheus itself says that it knows none, and AlertmanagerNotConnected would believe it.
      .replace(
        /^ {2}- job_name: prometheus\n/m,
        `$&    metric_relabel_configs:
      - source_labels: [__name__]
        regex: prometheus_notifications_alertmanagers_discovered
        action: drop
`,
      )
  );
}

function findBinary(name: string, searchPath: string): string | undefined {
  return searchPath
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const hard = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await gone;
  clearTimeout(hard);
}
