/** Owns the embedded PostgreSQL's life: started or adopted, never twice, outliving our crash, ended with our normal end. */
import { realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openDatabase } from './database.js';
import { claimDirectory } from './directory-claim.js';
import { binariesEnvironment, findBinaries, requireReachable, serverAccount } from './embedded-binaries.js';
import {
  EMBEDDED_NAME,
  type EmbeddedLog,
  ensureData,
  type Layout,
  layoutOf,
  prepareDirectory,
  serverPassword,
  setPartialDataAside,
} from './embedded-data.js';
import { EmbeddedStartError } from './embedded-errors.js';
import { runningServer, startServer, stopServer } from './embedded-server.js';
import { type ProcessIdentity, signal } from './processes.js';

/** Options of {@link startEmbedded}. */
export interface EmbeddedOptions {
  /** Holds everything of the server; made when missing. */
  readonly directory: string;
  readonly log: EmbeddedLog;
  /** TCP port on 127.0.0.1; a free one by default. An adopted server keeps the one it has. */
  readonly port?: number;
}

/** A running embedded server. */
export interface EmbeddedServer {
  /** Holds the password. */
  readonly url: string;
  /** True when a server that outlived an earlier process was found and taken over. */
  readonly adopted: boolean;
  readonly pid: number;
  /** Ends the server in order (10 s), else at once, and frees the directory. */
  stop(): Promise<void>;
}

/**
 * Starts the embedded server in `directory`, or adopts the one that is running there. As root it runs as `postgres` or
 * `nobody`. Throws EmbeddedDirectoryInUseError when another process of ours owns the directory, else
 * {@link EmbeddedStartError}.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const binaries = findBinaries();
  const account = serverAccount();
  const directory = resolve(options.directory);
  prepareDirectory(directory, account);
  if (account) {
    requireReachable(binaries.postgres, 'the programs', account);
    requireReachable(join(directory, 'data'), 'the data', account);
  }
  const layout = layoutOf(realpathSync(directory));
  const claim = await claimDirectory(layout.directory, Math.random);
  try {
    setPartialDataAside(layout, Date.now(), options.log);
    const password = serverPassword(layout);
    const runtime = { binaries, account, environment: binariesEnvironment(binaries.home, layout.libraries) };
    await ensureData(layout, runtime, password);
    const running = await runningServer(layout);
    const server = running ?? (await startServer(layout, runtime, options.port));
    const url = `postgres://${EMBEDDED_NAME}:${password}@127.0.0.1:${server.port}/${EMBEDDED_NAME}`;
    await requireAnswer(url, layout, server.identity);
    const { pid } = server.identity;
    const adopted = running !== undefined;
    options.log.info(adopted ? 'embedded database adopted' : 'embedded database started', {
      pid,
      port: server.port,
      directory: layout.directory,
      ...(account && { user: account.name }),
    });
    // Our end without stop(), by an uncaught error say, must not leave a server behind; a SIGKILL does, for adoption.
    const endWithUs = () => signal(server.identity, 'SIGINT');
    process.once('exit', endWithUs);
    return {
      url,
      adopted,
      pid,
      async stop() {
        await stopServer(server.identity);
        process.removeListener('exit', endWithUs);
        claim.release();
      },
    };
  } catch (error) {
    claim.release();
    throw error;
  }
}

/** Checks that the server opens to our password and works in our data, and makes our database. */
async function requireAnswer(url: string, layout: Layout, identity: ProcessIdentity): Promise<void> {
  const admin = openDatabase({
    url: url.replace(/[^/]*$/, 'postgres'),
    role: 'source',
    max: 1,
    applicationName: 'flowgauge start',
  });
  try {
    await admin.run('first question', 15_000, async (sql) => {
      const [row] = await sql<{ data: string; missing: boolean }[]>`
        select current_setting('data_directory') as data,
               not exists (select from pg_database where datname = ${EMBEDDED_NAME}) as missing`;
      if (row?.data !== layout.data) throw new Error(`it works in ${row?.data}`);
      if (row.missing) await sql`create database ${sql(EMBEDDED_NAME)}`;
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new EmbeddedStartError(
      'EMBEDDED_NOT_ANSWERING',
      `Process ${identity.pid} runs the embedded database of ${layout.directory} and does not answer us: ${why} End that process (kill -INT ${identity.pid}), then start again.`,
      cause,
    );
  } finally {
    await admin.close(1000);
  }
}
