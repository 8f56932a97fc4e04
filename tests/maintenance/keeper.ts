/** Owns the keeper under test: planned work on a real store and a real Alertmanager, its job running in this process. */
import { onTestFinished } from 'vitest';
import type { AlertBatch } from '../../src/alerts/alert.js';
import { parseConfig } from '../../src/config/load.js';
import type { MaintenanceDeps } from '../../src/http/maintenance-api.js';
import { openMaintenance } from '../../src/maintenance-keeper.js';
import { createMetrics } from '../../src/metrics/registry.js';
import { createScraper } from '../../src/metrics/scrape.js';
import { systemJobClock } from '../../src/resilience/job-clock.js';
import { createSupervisor } from '../../src/resilience/supervisor.js';
import type { Database } from '../../src/storage/database.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { samplesOf } from '../harness/exporter.js';

/** Options of {@link startKeeper}. */
export interface KeeperSetup {
  readonly db: Database;
  readonly alertmanagerUrl: string;
  /** Further sections of the configuration. */
  readonly more?: string;
  readonly isLeader?: () => boolean;
  readonly takeIn?: (batch: AlertBatch) => Promise<unknown>;
  readonly wallMs?: () => number;
  /** Monotonic clock in milliseconds. Default: the real one. */
  readonly nowMs?: () => number;
  readonly absentForMs?: number;
  /** `by hand`: the job runs only when told to. */
  readonly job?: 'running' | 'by hand';
}

/** A keeper whose job ends with the test. */
export function startKeeper(setup: KeeperSetup) {
  const { db, alertmanagerUrl, more = '', isLeader = () => true, takeIn, job = 'running' } = setup;
  const config = parseConfig(
    `source: { url: postgres://nobody@127.0.0.1/none }\nalertmanager: { url: "${alertmanagerUrl}" }\n${more}`,
    { env: {} },
  );
  const metrics = createMetrics({ processMetrics: 'omit' });
  const logs: string[] = [];
  const log = createLogger({ stream: { write: (line: string) => void logs.push(line) }, repeatMs: 0 });
  const keeper = openMaintenance({
    ...{ config, store: db, metrics, log, isLeader, takeIn },
    isReady: () => true,
    wallMs: setup.wallMs ?? Date.now,
    nowMs: setup.nowMs ?? (() => performance.now()),
    ...(setup.absentForMs === undefined ? {} : { absentForMs: setup.absentForMs }),
  })!;
  const supervisor = createSupervisor({
    clock: systemJobClock({ unref: false }),
    on: (event) => {
      if (event.kind === 'failed') log.warn(`${event.job} failed`, { err: event.error });
    },
  });
  if (job === 'running') for (const one of keeper.jobs()) supervisor.start(one);
  onTestFinished(async () => {
    await supervisor.stopAll();
  });
  const scraper = createScraper(metrics);
  const ask = { accept: undefined, acceptEncoding: undefined, timeoutSeconds: undefined };
  return {
    keeper,
    http: keeper.http,
    logs,
    /** One run of the job, as the supervisor makes it. */
    look: () => keeper.jobs()[0]!.run(new AbortController().signal, () => {}),
    samples: async (metric: string) => samplesOf(String((await scraper.scrape(ask)).body), metric),
  };
}

/** An hour of quiet for one flow. */
export const TOKENS: Parameters<MaintenanceDeps['enable']>[0] = {
  minutes: 60,
  matchers: [
    { name: 'flow', value: 'tokens', isEqual: true },
    { name: 'alertname', value: 'Watchdog', isEqual: false },
  ],
  owner: 'chief',
  reason: 'new disk',
};
