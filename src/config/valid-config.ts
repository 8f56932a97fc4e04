/** Owns the checked configuration: its frozen shape, and the step from the file's keys to it. */

import type { z } from 'zod';
import type { CaptureMode, Flow } from '../flows/flow.js';
import type { HealthWeights } from '../health.js';
import type { ListenAddress } from './listen-address.js';
import { type MaintenanceConfig, maintenanceOf } from './maintenance-schema.js';
import { type NotificationsConfig, notificationsOf } from './notifications.js';
import { type ProbesConfig, probesOf } from './probes.js';
import type { configSchema } from './schema.js';
import type { Secret } from './secret.js';
import type { ThresholdSetting } from './thresholds.js';
import { thresholdSettings } from './thresholds-schema.js';
import type { TracingConfig } from './tracing-variables.js';
import type { LOG_LEVELS } from './web-schema.js';

declare const validated: unique symbol;

/** A database: an address, or a directory in which Flowgauge runs one of its own. */
export type DatabaseConfig =
  | { readonly kind: 'url'; readonly url: Secret }
  | { readonly kind: 'embedded' /** Absolute path. */; readonly directory: string };

/** One watched table as configured; the catalog of the source fills in what is undefined. */
export interface FlowConfig extends Omit<Flow, 'statuses' | 'reason'> {
  /** Undefined: take them from the enum or CHECK constraint. */
  readonly statuses: readonly string[] | undefined;
  /** Times in a status, in milliseconds, by status and severity. */
  readonly limits: Flow['limits'];
  readonly reason: { readonly column: string; readonly values: readonly string[] | undefined } | undefined;
  readonly capture: 'auto' | CaptureMode;
  readonly pollIntervalMs: number;
  readonly auditIntervalMs: number;
}

/** A configuration that was checked as a whole. Deep-frozen; only `parseConfig` and `loadConfig` make one. */
export interface ValidConfig {
  readonly [validated]: true;
  readonly web: {
    readonly listenAddress: ListenAddress;
    readonly telemetryPath: string;
    /** Without a slash at the end. */
    readonly externalUrl: string | undefined;
    readonly allowAnonymousRemote: boolean;
    /** Absolute path of the web configuration file. */
    readonly configFile: string | undefined;
    readonly adminApi: boolean;
  };
  readonly log: { readonly level: (typeof LOG_LEVELS)[number] };
  /** The watched database. */
  readonly source: DatabaseConfig;
  /** The database of our own tables: the very same object as `source` unless another one is configured. */
  readonly store: DatabaseConfig;
  readonly flows: readonly FlowConfig[];
  /** The limits that alert rules compare with; what is off is not in the list. */
  readonly thresholds: readonly ThresholdSetting[];
  readonly resources: {
    readonly enabled: boolean;
    /** Pause between measurements of what is cheap, and of the rest. */
    readonly intervalMs: number;
    readonly slowIntervalMs: number;
    /** Undefined: `/`, and where the embedded database is. */
    readonly mountpoints: readonly string[] | undefined;
    /** Undefined: all but the loopback and those of containers. */
    readonly devices: readonly string[] | undefined;
  };
  readonly health: { readonly weights: HealthWeights };
  /** The services that are asked, beside source and store. */
  readonly probes: ProbesConfig;
  /** The ways to people; undefined when none is configured. */
  readonly notifications: NotificationsConfig | undefined;
  /** Without a slash at the end; undefined when it is not asked. */
  readonly prometheusUrl: string | undefined;
  readonly alertmanagerUrl: string | undefined;
  /** Planned work. */
  readonly maintenance: MaintenanceConfig;
  readonly limits: { readonly seriesPerMetric: number; readonly seriesTotal: number };
  readonly journal: {
    readonly maxRows: number;
    readonly readIntervalMinMs: number;
    readonly readIntervalMaxMs: number;
    /** Rows per read. */
    readonly page: number;
  };
  /** Whether the environment asks for traces. */
  readonly tracing: TracingConfig;
  /** Where to stop the process, in crash tests. */
  readonly failpoint: string | undefined;
}

type Read = z.output<typeof configSchema>;

/** What the file does not hold itself: resolved secrets and paths. */
export interface Resolved {
  readonly sourceUrl: Secret | undefined;
  readonly storeUrl: Secret | undefined;
  /** Where the file's relative paths begin. */
  readonly directory: string;
  /** What the `url_file` of a probe holds, by the probe's name. */
  readonly probeUrls: ReadonlyMap<string, Secret>;
  /** Absolute path of the web configuration file. */
  readonly webFile: string | undefined;
  /** Absolute path. */
  readonly embedded: string | undefined;
  readonly tracing: TracingConfig;
  readonly failpoint: string | undefined;
}

/** Builds the frozen configuration from keys that were all accepted. */
export function assemble(read: Read, resolved: Resolved): ValidConfig {
  const source = databaseOf(resolved.sourceUrl, resolved.embedded);
  const store =
    resolved.storeUrl === undefined && resolved.embedded === undefined
      ? source
      : databaseOf(resolved.storeUrl, resolved.embedded);
  const config = {
    web: {
      listenAddress: read.web.listen_address,
      telemetryPath: read.web.telemetry_path,
      externalUrl: read.web.external_url,
      allowAnonymousRemote: read.web.allow_anonymous_remote,
      configFile: resolved.webFile,
      adminApi: read.web.enable_admin_api,
    },
    log: { level: read.log.level },
    source,
    // Without a source of its own the embedded database is both, and both names must be one object.
    store: source.kind === 'embedded' ? source : store,
    flows: Object.entries(read.flows).map(([name, flow]) => flowOf(name, flow)),
    thresholds: thresholdSettings(read.thresholds),
    resources: {
      enabled: read.resources.enabled,
      intervalMs: read.resources.interval,
      slowIntervalMs: read.resources.slow_interval,
      mountpoints: read.resources.mountpoints,
      devices: read.resources.devices,
    },
    health: { weights: read.health.weights },
    probes: probesOf(read.probes, resolved.directory, resolved.probeUrls),
    notifications: notificationsOf(read.notifications, resolved.directory, read.alertmanager.url),
    prometheusUrl: read.prometheus.url,
    alertmanagerUrl: read.alertmanager.url,
    maintenance: maintenanceOf(read.maintenance),
    limits: { seriesPerMetric: read.limits.series_per_metric, seriesTotal: read.limits.series_total },
    journal: {
      maxRows: read.journal.max_rows,
      readIntervalMinMs: read.journal.read_interval_min,
      readIntervalMaxMs: read.journal.read_interval_max,
      page: read.journal.page,
    },
    tracing: resolved.tracing,
    failpoint: resolved.failpoint,
  };
  return deepFreeze(config) as ValidConfig;
}

function databaseOf(url: Secret | undefined, embedded: string | undefined): DatabaseConfig {
  if (url !== undefined) return { kind: 'url', url };
  if (embedded !== undefined) return { kind: 'embedded', directory: embedded };
  throw new TypeError('a configuration without a database passed the check');
}

function flowOf(name: string, flow: Read['flows'][string]): FlowConfig {
  return {
    name,
    table: flow.table,
    key: flow.key,
    status: flow.status,
    createdAt: flow.created_at,
    updatedAt: flow.updated_at,
    movedAt: flow.moved_at,
    repeats: flow.repeats,
    statuses: flow.statuses,
    moves: flow.moves === undefined ? undefined : new Set(flow.moves),
    limits: new Map(
      Object.entries(flow.limits ?? {}).map(([status, limit]) => [status, withoutUndefined(limit)]),
    ),
    reason:
      flow.reason === undefined ? undefined : { column: flow.reason.column, values: flow.reason.values },
    capture: flow.capture,
    pollIntervalMs: flow.poll_interval,
    auditIntervalMs: flow.audit_interval,
  };
}

function withoutUndefined(limit: { warning?: number | undefined; critical?: number | undefined }) {
  return {
    ...(limit.warning === undefined ? {} : { warning: limit.warning }),
    ...(limit.critical === undefined ? {} : { critical: limit.critical }),
  };
}

function deepFreeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Map) {
    for (const item of value.values()) deepFreeze(item);
    return closed(value, ['set', 'delete', 'clear']);
  }
  if (value instanceof Set) return closed(value, ['add', 'delete', 'clear']);
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}

/** Object.freeze leaves the entries of a Map or Set open, so its changing methods are replaced first. */
function closed(collection: object, methods: readonly string[]): unknown {
  const value = () => {
    throw new TypeError('the configuration is frozen');
  };
  for (const method of methods) Object.defineProperty(collection, method, { value });
  return Object.freeze(collection);
}
