/** Owns the real Alertmanager of the tests: started on a rendered configuration, handed alerts, asked over its API. */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './ports.js';
import { endProcess, pause, startProgram } from './processes.js';
import { renderInto } from './rendered-alertmanager.js';
import { removeScratch, scratchDirectory } from './scratch.js';

/** An alert as a client of Alertmanager posts it. */
export interface PostedAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly startsAt?: string;
  /** In the past: resolved. */
  readonly endsAt?: string;
}

/** A running Alertmanager. */
export interface AlertmanagerServer {
  readonly url: string;
  /** `host:port`, for Prometheus. */
  readonly address: string;
  post(alerts: readonly PostedAlert[]): Promise<void>;
  log(): string;
  stop(): Promise<void>;
}

/** Another program than Debian's may be named in ALERTMANAGER. */
export const ALERTMANAGER = process.env.ALERTMANAGER ?? 'prometheus-alertmanager';
export const AMTOOL = process.env.AMTOOL ?? 'amtool';

/** Major and minor number of ALERTMANAGER. */
export function alertmanagerVersion(): string {
  const { stdout, stderr } = spawnSync(ALERTMANAGER, ['--version'], { encoding: 'utf8' });
  const version = /version (\d+\.\d+)/.exec(`${stdout}${stderr}`)?.[1];
  if (version === undefined) throw new Error(`${ALERTMANAGER} does not say its version: ${stdout}${stderr}`);
  return version;
}

/**
 * Renders the bundle with these variables and starts Alertmanager on it. Waiting times of the routes are divided by
 * `faster`, which says nothing about what is sent, only when.
 */
export async function startAlertmanager(options: {
  readonly env: Readonly<Record<string, string>>;
  readonly faster?: number;
}): Promise<AlertmanagerServer> {
  const directory = scratchDirectory('alertmanager');
  renderInto(directory, options.env, ['--alertmanager-version', alertmanagerVersion()]);
  const file = join(directory, 'alertmanager.yml');
  writeFileSync(file, shortWaits(readFileSync(file, 'utf8'), options.faster ?? 1), { mode: 0o600 });
  return startIn(directory, ['--log.level=debug']);
}

/** Starts Alertmanager on a configuration of the test's own, with the log as it is when nobody asks for more. */
export function startAlertmanagerOn(config: string): Promise<AlertmanagerServer> {
  const directory = scratchDirectory('alertmanager');
  writeFileSync(join(directory, 'alertmanager.yml'), config, { mode: 0o600 });
  return startIn(directory, []);
}

/** Runs on the `alertmanager.yml` of this directory, which is removed when it stops. */
async function startIn(directory: string, flags: readonly string[]): Promise<AlertmanagerServer> {
  mkdirSync(join(directory, 'data'));
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const child = startProgram({
    command: ALERTMANAGER,
    args: [
      `--config.file=${join(directory, 'alertmanager.yml')}`,
      `--storage.path=${join(directory, 'data')}`,
      `--web.listen-address=${address}`,
      '--cluster.listen-address=',
      ...flags,
    ],
    deathSignal: 'KILL',
    cwd: directory,
  });
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-200_000);
  });
  child.stdout?.resume();
  const url = `http://${address}`;
  await untilReady(child, url, () => log);
  return {
    url,
    address,
    async post(alerts) {
      const answer = await fetch(`${url}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(alerts),
        signal: AbortSignal.timeout(20_000),
      });
      if (answer.status !== 200)
        throw new Error(`Alertmanager answered ${answer.status}: ${await answer.text()}`);
    },
    log: () => log,
    async stop() {
      await endProcess(child, ['SIGTERM', 'SIGKILL'], 5_000);
      removeScratch(directory);
    },
  };
}

async function untilReady(child: ChildProcess, url: string, log: () => string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (child.exitCode !== null) throw new Error(`alertmanager ended: ${log()}`);
    const answer = await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(2_000) }).catch(
      () => undefined,
    );
    if (answer?.status === 200) return;
    await pause(100);
  }
  throw new Error(`alertmanager does not become ready: ${log()}`);
}

/** The configuration with every waiting time of a route divided. */
export function shortWaits(config: string, faster: number): string {
  const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return config.replace(
    /^(\s*(?:- )?(?:group_wait|group_interval|repeat_interval): )(\d+)([smhd])$/gm,
    (_, key: string, count: string, unit: string) => {
      // Nothing shorter than this: Alertmanager refuses a group_interval of 0.
      const ms = Math.max(
        key.includes('group_wait') ? 0 : 100,
        Math.round((Number(count) * units[unit]!) / faster),
      );
      return `${key}${ms}ms`;
    },
  );
}
