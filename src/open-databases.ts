/** Owns opening the two databases, source and store, and the embedded server where one is configured. */
import type { DatabaseConfig, ValidConfig } from './config/valid-config.js';
import type { Metrics } from './metrics/registry.js';
import { parseAddress } from './storage/address.js';
import { type Database, type DatabaseEvent, openDatabase } from './storage/database.js';
import { type EmbeddedServer, startEmbedded } from './storage/embedded.js';
import { databaseSpans } from './telemetry/database-spans.js';
import type { RootLogger } from './telemetry/logger.js';
import { noTracing, type Tracing } from './telemetry/tracing.js';

const SOURCE_CONNECTIONS = 3;
const STORE_CONNECTIONS = 4;

/** Both databases; `close` also stops an embedded server that is ours. */
export interface OpenDatabases {
  readonly source: Database;
  readonly store: Database;
  /** Address of the source for the demo's application; contains a password. */
  readonly sourceUrl: string;
  /** Address of the store; contains a password. */
  readonly storeUrl: string;
  close(deadlineMs: number): Promise<void>;
}

/** Starts the embedded server if there is one, then prepares both databases without connecting. */
export async function openDatabases(
  config: ValidConfig,
  log: RootLogger,
  metrics?: Metrics,
  tracing: Tracing = noTracing,
): Promise<OpenDatabases> {
  let embedded: EmbeddedServer | undefined;
  const urlOf = async (database: DatabaseConfig): Promise<string> => {
    if (database.kind === 'url') return database.url.reveal();
    embedded ??= await startEmbedded({ directory: database.directory, log: log.named('embedded') });
    return embedded.url;
  };
  const storeUrl = await urlOf(config.store);
  const sourceUrl = await urlOf(config.source);
  for (const url of [storeUrl, sourceUrl]) protectSecrets(log, url);
  const onEvent = (event: DatabaseEvent) => tellDatabase(log, metrics, event);
  metrics?.storeUp.set({}, 0);
  metrics?.sourceUp.set({}, 0);
  const applicationName = 'flowgauge';
  const around = databaseSpans(tracing);
  const store = openDatabase({
    url: storeUrl,
    role: 'store',
    max: STORE_CONNECTIONS,
    applicationName,
    onEvent,
    around,
  });
  const source = openDatabase({
    url: sourceUrl,
    role: 'source',
    max: SOURCE_CONNECTIONS,
    applicationName,
    onEvent,
    around,
  });
  return {
    source,
    store,
    sourceUrl,
    storeUrl,
    async close(deadlineMs) {
      await Promise.all([source.close(deadlineMs / 2), store.close(deadlineMs / 2)]);
      await embedded?.stop();
    },
  };
}

function protectSecrets(log: RootLogger, url: string): void {
  // Not by `new URL`: it refuses several hosts with ports, and its error keeps the password.
  for (const secret of parseAddress(url).secrets()) log.protect(secret);
}

function tellDatabase(log: RootLogger, metrics: Metrics | undefined, event: DatabaseEvent): void {
  const up = event.role === 'store' ? metrics?.storeUp : metrics?.sourceUp;
  const logger = log.named(event.role);
  if (event.kind === 'up') {
    up?.set({}, 1);
    logger.info('database answers');
  }
  if (event.kind === 'down') {
    up?.set({}, 0);
    logger.error('database does not answer', { reason: event.reason });
  }
  if (event.kind === 'timeout') logger.warn('database call took too long', { work: event.work });
  if (event.kind === 'read-only') logger.error('database is read-only; looking for the writable server');
  if (event.kind === 'pooler')
    logger.warn('a pooler stands before the database; prepared statements are off');
}
