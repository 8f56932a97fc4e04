/** Owns the start of the web pages: the door, the application behind it, and the socket before it. */
import { ownHosts } from './access/own-hosts.js';
import { forgetAuditJob, openAdmin } from './admin.js';
import { isLoopback } from './config/listen-address.js';
import type { ValidConfig } from './config/valid-config.js';
import { createApp } from './http/app.js';
import type { HttpDeps } from './http/deps.js';
import { type Listening, listen } from './http/server.js';
import { instrumentExpress } from './instrument/express.js';
import type { MaintenanceKeeper } from './maintenance-keeper.js';
import type { Metrics } from './metrics/registry.js';
import { reloadSeries } from './metrics/reload-series.js';
import { createScraper } from './metrics/scrape.js';
import { openMonitoring } from './monitoring-desk.js';
import type { Relay } from './notification-relay.js';
import { forgetDaysJob, readFlowDays } from './operations/flow-days.js';
import type { MonitoringFacts } from './operations/monitoring-facts.js';
import { type ConfigReading, type Fits, type LiveSections, openReload, type Reload } from './reload.js';
import type { Job } from './resilience/job.js';
import { readRunbooks } from './runbooks.js';
import type { Database } from './storage/database.js';
import { exemplarLabels } from './telemetry/context.js';
import type { RootLogger } from './telemetry/logger.js';
import type { Tracing } from './telemetry/tracing.js';
import { openDoor, type WebDoor } from './web-door.js';

/** What the pages show and who hands it in. */
export interface WebParts extends Pick<HttpDeps, 'flows' | 'stuck' | 'ready' | 'health' | 'numbers'> {
  readonly config: ValidConfig;
  readonly version: string;
  readonly log: RootLogger;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly relay: Relay | undefined;
  readonly maintenance: MaintenanceKeeper | undefined;
  readonly store: Database;
  readonly reading: ConfigReading | undefined;
  readonly live: LiveSections;
  readonly fits: Fits;
  readonly recentMoves: MonitoringFacts['recentMoves'];
  /** Whether the store has our tables yet. */
  readonly isMigrated: () => boolean;
}

/** The pages as they are served. */
export interface Web {
  /** For people. */
  readonly url: string;
  /** Reads the configuration files again, now. Never throws. */
  reload(): Reload;
  jobs(): readonly Job[];
  close(deadlineMs: number): Promise<void>;
}

/** Listens. Rejects when the address is taken, or the web configuration broke since it was checked. */
export async function startWeb(parts: WebParts): Promise<Web> {
  const { config, metrics, log, relay } = parts;
  const isIngestToken =
    config.notifications?.webhookTokenFile === undefined ? undefined : relay?.http.mayIngest;
  const series = reloadSeries(metrics, Date.now);
  const door = openDoor({
    web: config.web,
    metrics,
    series,
    log,
    isIngestToken,
    nowMs: () => performance.now(),
  });
  const reload = openReload({ ...parts, door, series, log: log.named('config', 'all') });
  try {
    const { host, port } = config.web.listenAddress;
    const listening = await listen(createApp(depsOf(parts, door, reload)), {
      host,
      port,
      tls: door.tls(),
      onError: (err) => log.named('http').error('listener', { err }),
    });
    door.onTls((tls) => listening.renewTls(tls));
    tellExposure(parts, listening);
    return {
      url: listening.url,
      reload,
      jobs: () => [
        ...door.jobs(),
        forgetDaysJob(parts.store, parts.isMigrated),
        ...(config.web.adminApi ? [forgetAuditJob(parts.store, parts.isMigrated)] : []),
      ],
      close: async (deadlineMs) => {
        await listening.close(deadlineMs);
        await door.close();
      },
    };
  } catch (error) {
    await door.close();
    throw error;
  }
}

function depsOf(parts: WebParts, door: WebDoor, reload: () => Reload): HttpDeps {
  const { config, version, log, metrics, tracing, relay, store, flows, stuck, ready, health, numbers } =
    parts;
  const scraper = createScraper(metrics);
  const isOwnHost = ownHosts(config.web);
  return {
    scrape: (headers) =>
      scraper.scrape({
        accept: headers.accept,
        acceptEncoding: headerText(headers['accept-encoding']),
        timeoutSeconds: headers['x-prometheus-scrape-timeout-seconds'],
      }),
    flows,
    stuck,
    ready,
    health,
    numbers,
    flowDays: (flow, days) => readFlowDays(store, flow, days),
    monitoring: monitoringOf(parts),
    alerts: relay?.http,
    maintenance: parts.maintenance?.http,
    access: door.access,
    admin: config.web.adminApi
      ? openAdmin({ store, metrics, log, reload, nowMs: () => performance.now() })
      : undefined,
    ...(isOwnHost === undefined ? {} : { isOwnHost }),
    onRefusal: (reason) => metrics.accessRefused.inc({ reason }),
    extraHeaders: door.headers,
    runbooks: readRunbooks(),
    buildInfo: { version },
    telemetryPath: config.web.telemetryPath,
    logger: log.named('http'),
    tracing,
    instrument: instrumentExpress(metrics, { exemplar: exemplarLabels }),
  };
}

function monitoringOf(parts: WebParts): HttpDeps['monitoring'] {
  const { config, metrics, log, health, recentMoves, relay, maintenance } = parts;
  if (health === undefined) return undefined;
  return openMonitoring({
    config,
    metrics,
    logger: log.named('http'),
    facts: health.facts,
    recentMoves,
    alerts: relay?.http,
    maintenance: maintenance?.http,
    wallMs: Date.now,
  });
}

/** Said at each start, because an address that was meant for one machine is easily left open to all. */
function tellExposure({ config, log }: WebParts, { address }: Listening): void {
  const { listenAddress, configFile, allowAnonymousRemote } = config.web;
  if (isLoopback(listenAddress.host)) return;
  const logger = log.named('web');
  if (allowAnonymousRemote && configFile === undefined)
    logger.warn('other machines may read the pages without credentials', { address });
  else logger.info('other machines can reach the pages', { address });
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
