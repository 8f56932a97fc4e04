/** Owns one place for database faults: an exporter between proxies, an application that writes, a scraper that watches. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ExporterProcess,
  eventually,
  runCli,
  startExporterProcess,
  writeConfig,
} from '../harness/exporter.js';
import { type PostgresServer, startPostgres } from '../harness/postgres.js';
import { pause } from '../harness/processes.js';
import { type FaultProxy, startProxy } from '../harness/proxy.js';
import {
  createFaultTables,
  FAULT_TABLE,
  type LedgerWriter,
  readTruth,
  startLedgerWriter,
  type Truth,
} from './ledger-writer.js';
import { type RestlessScraper, type Scrape, startScraper } from './restless-scraper.js';

const BUDGET_MS = 3_000;

/** One server and the proxy before it. */
export interface FaultSide {
  readonly server: PostgresServer;
  readonly proxy: FaultProxy;
}

/** What a fault did, as Prometheus and the operator saw it. */
export interface FaultReport {
  readonly fault: string;
  readonly scrapes: number;
  /** Scrapes that were not 200 within the budget, or during which /-/healthy was not 200. */
  readonly bad: readonly Scrape[];
  readonly slowestMs: number;
  readonly storeUpSeen: readonly (number | undefined)[];
  readonly sourceUpSeen: readonly (number | undefined)[];
  readonly recoveredMs: number;
  /** What the exporter logged meanwhile. */
  readonly log: string;
}

export interface FaultArena {
  readonly source: FaultSide;
  readonly store: FaultSide;
  exporter(): ExporterProcess;
  readonly writer: LedgerWriter;
  start(): Promise<void>;
  /** Injects, waits `lastsMs`, heals, and waits until every move committed by then is counted and both ups are 1. */
  suffer(
    fault: string,
    lastsMs: number,
    inject: () => Promise<void> | void,
    heal: () => Promise<void> | void,
  ): Promise<FaultReport>;
  /** Stops the application and waits until the counters stand still; both sides of the comparison. */
  settle(): Promise<{ truth: Truth; scrape: Scrape; log: string }>;
  stop(): Promise<void>;
}

/** Prepares servers, proxies, table and journal; `start` starts the exporter. */
export async function faultArena(databases: 'one' | 'two'): Promise<FaultArena> {
  const cleanups: (() => Promise<unknown> | unknown)[] = [];
  const side = async (): Promise<FaultSide> => {
    const server = await startPostgres();
    cleanups.push(() => server.stop());
    const proxy = await startProxy(server.port);
    cleanups.push(() => proxy.stop());
    return { server, proxy };
  };
  const source = await side();
  const store = databases === 'one' ? source : await side();
  await createFaultTables(source.server.sql);
  const directory = mkdtempSync(join(tmpdir(), 'flowgauge-faults-'));
  chmodSync(directory, 0o755);
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  const configOf = (sourceUrl: string, storeUrl: string) => `web: { listen_address: "127.0.0.1:0" }
source: { url: "${sourceUrl}" }
store: { url: "${storeUrl}" }
flows:
  faults: { table: ${FAULT_TABLE}, key: id, status: status, capture: journal, audit_interval: 5s }
`;
  const direct = writeConfig(directory, configOf(source.server.url, store.server.url));
  const install = runCli(['install', '--apply', `--config.file=${direct}`]);
  if ((await install.exit) !== 0) throw new Error(install.output());
  // The baseline of an empty table: from here on every commit must be counted, whoever runs when.
  const first = await startExporterProcess(direct);
  await eventually(
    async () => `${await (await fetch(`${first.url}/-/ready`)).text()} ${first.output()}`,
    (text) => text.startsWith('{"ready":true'),
  );
  await first.stop();
  const config = writeConfig(
    directory,
    configOf(source.proxy.through(source.server.url), store.proxy.through(store.server.url)),
  );
  let exporter: ExporterProcess | undefined;
  let scraper: RestlessScraper | undefined;
  const writer = startLedgerWriter(source.server.url, 2);
  cleanups.push(() => writer.stop());

  return {
    source,
    store,
    writer,
    exporter: () => exporter!,
    async start() {
      exporter = await startExporterProcess(config);
      scraper = startScraper(exporter.url);
    },
    async suffer(fault, lastsMs, inject, heal) {
      const from = scraper!.scrapes.length;
      const logFrom = exporter!.output().length;
      await inject();
      await pause(lastsMs);
      await heal();
      const healedMs = performance.now();
      const before = total((await readTruth(source.server.url)).moves);
      const back = await scraper!
        .waitFor((s) => s.total >= before && s.storeUp === 1 && s.sourceUp === 1 && s.ready === 200, 40_000)
        .catch((error) => {
          throw new Error(`${fault}: ${error.message}, wanted ${before}; ${exporter!.output().slice(-6000)}`);
        });
      const log = exporter!.output().slice(logFrom);
      return { ...report(fault, scraper!.scrapes.slice(from), back.atMs - healedMs), log };
    },
    async settle() {
      await writer.stop();
      const truth = await readTruth(source.server.url);
      await scraper!.waitFor((s) => s.total >= total(truth.moves), 20_000).catch(() => undefined);
      // A double count may come late: give it the time of several pages and one audit.
      await pause(6_000);
      const scrape = await scraper!.waitFor(() => true, 5_000);
      return { truth, scrape, log: exporter!.output() };
    },
    async stop() {
      await scraper?.stop();
      await exporter?.stop();
      for (const cleanup of cleanups.reverse()) await cleanup();
    },
  };
}

function report(fault: string, scrapes: readonly Scrape[], recoveredMs: number): Omit<FaultReport, 'log'> {
  const bad = scrapes.filter((s) => s.status !== 200 || s.healthy !== 200 || s.tookMs > BUDGET_MS);
  return {
    fault,
    scrapes: scrapes.length,
    bad,
    slowestMs: Math.round(Math.max(0, ...scrapes.map((s) => s.tookMs))),
    storeUpSeen: [...new Set(scrapes.map((s) => s.storeUp))],
    sourceUpSeen: [...new Set(scrapes.map((s) => s.sourceUp))],
    recoveredMs: Math.round(recoveredMs),
  };
}

function total(moves: Readonly<Record<string, number>>): number {
  return Object.values(moves).reduce((a, b) => a + b, 0);
}
