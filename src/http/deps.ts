/** Owns what the HTTP face is handed: the functions behind its routes and the shapes that they answer with. */

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Access } from '../access/access.js';
import type { CaptureMode, Flow, LimitSeverity } from '../flows/flow.js';
import type { Verdict } from '../flows/verdict.js';
import type { FlowDays } from '../operations/flow-days.js';
import type { Logger } from '../telemetry/logger.js';
import type { Tracing } from '../telemetry/tracing.js';
import type { AdminDeps } from './admin-api.js';
import type { AlertDeps } from './alert-api.js';
import type { Answer } from './answer.js';
import type { HealthDeps } from './health-api.js';
import type { MaintenanceDeps } from './maintenance-api.js';
import type { NumbersDeps } from './metrics-api.js';
import type { MonitoringDeps } from './monitoring-api.js';

/** One status of a flow as last seen; undefined numbers are not known yet. */
export interface StatusOverview {
  readonly status: string;
  readonly items: number | undefined;
  /** Items older than the lowest limit of the status. */
  readonly stuckItems: number | undefined;
  /** Age of the item that has been longest in this status, in seconds; undefined when the status is empty. */
  readonly oldestAgeSeconds: number | undefined;
}

/** One flow as last seen, taken from memory. */
export interface FlowOverview {
  readonly flow: string;
  /** Schema and table, for people. */
  readonly table: string;
  readonly mode: CaptureMode;
  /** Undefined until the first judgement. */
  readonly verdict: Verdict | undefined;
  /** In the order of the life cycle, the overflow status last. */
  readonly statuses: readonly StatusOverview[];
  /** How far the counters are behind the source, in seconds; undefined until the first read. */
  readonly captureLagSeconds: number | undefined;
  /** Seconds per status and severity. */
  readonly limits: Flow['limits'];
  /** The moment the numbers are from; undefined until the first look at the source. */
  readonly asOf: Date | undefined;
}

/** One item that has been in its status for longer than a limit. */
export interface StuckItem {
  readonly id: string;
  readonly status: string;
  readonly enteredAt: Date;
  readonly ageSeconds: number;
  /** False when the item was there before its changes were captured, so `enteredAt` is an upper or lower bound only. */
  readonly enteredAtExact: boolean;
  /** The highest limit that the age exceeds; null when the status has none. */
  readonly limit: LimitSeverity | null;
}

/** The oldest stuck items, the oldest first, and how many there are in all. */
export interface StuckReport {
  readonly items: readonly StuckItem[];
  readonly totalStuck: number;
  readonly asOf: Date;
}

/** Whether the exporter may be sent work; `reasons` names what is missing, never an address or a raw error. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

/** What `createApp` needs. Everything that is not a promise answers from memory, at once. */
export interface HttpDeps {
  /** One scrape, content negotiation included; it keeps the scrape's budget itself. */
  scrape(headers: IncomingHttpHeaders): Promise<Answer>;
  flows(): readonly FlowOverview[];
  /** Asks the store; the signal aborts at the deadline or when the caller has gone. Only called for known flows. */
  stuck(
    flow: string,
    options: { readonly limit: number; readonly signal: AbortSignal },
  ): Promise<StuckReport>;
  ready(): Readiness;
  /** What stands behind the routes of alerts. Default: they do not exist. */
  readonly alerts?: AlertDeps | undefined;
  /** What stands behind the routes of administration. Default: they do not exist. */
  readonly admin?: AdminDeps | undefined;
  /** What stands behind the routes of health. Default: they do not exist. */
  readonly health?: HealthDeps | undefined;
  /** What stands behind the routes of numbers. Default: they do not exist. */
  readonly numbers?: NumbersDeps | undefined;
  /** What stands behind planned work. Default: it answers that no Alertmanager is configured. */
  readonly maintenance?: MaintenanceDeps | undefined;
  /** What stands behind the routes of monitoring. Default: they do not exist. */
  readonly monitoring?: MonitoringDeps | undefined;
  /**
   * The last days of a flow; undefined while its moves are not counted. Only called for known flows. Default: the
   * routes of days do not exist.
   */
  readonly flowDays?: ((flow: string, days: number) => Promise<FlowDays | undefined>) | undefined;
  /** Who may come in. Default: everybody may read, and alerts are taken as `alerts` says. */
  readonly access?: Access;
  /** Counts a refusal. Default: nothing. */
  readonly onRefusal?: (reason: string) => void;
  /** Whether the header `Host` names this exporter. Default: any name does. */
  readonly isOwnHost?: (host: string) => boolean;
  /** Headers of every answer, as the operator wants them. Default: none. */
  readonly extraHeaders?: () => Readonly<Record<string, string>>;
  /** Text of the runbooks, Markdown, by the alert's name. Default: none. */
  readonly runbooks?: ReadonlyMap<string, string>;
  readonly buildInfo: { readonly version: string };
  /** Path of the scrape, for instance `/metrics`: letters, digits and `._~-`, in parts that each begin with `/`. */
  readonly telemetryPath: string;
  readonly logger: Pick<Logger, 'error' | 'warn' | 'debug'>;
  /** How long `stuck` may take, in milliseconds. Default 5,000. */
  readonly stuckDeadlineMs?: number;
  /** Counts and times requests; must call `next`. Default: nothing. */
  readonly instrument?: (request: IncomingMessage, response: ServerResponse, next: () => void) => void;
  /** Makes a span of each request. Default: none. */
  readonly tracing?: Pick<Tracing, 'isOn' | 'span'>;
  /** Makes the id that ties an answer to its log lines, unless the caller sent one. Default: a random UUID. */
  readonly newRequestId?: () => string;
}
