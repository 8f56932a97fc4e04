/** Owns what the bodies of health and of the numbers are made from: facts out of memory, each with what is not known. */
import type { ThresholdValue } from '../config/thresholds.js';
import type { CaptureMode, LimitSeverity } from '../flows/flow.js';
import type { Verdict } from '../flows/verdict.js';
import type { Health } from '../health.js';
import type { Probe, ProbeOutcome } from '../probes/probe.js';
import type { JobState } from '../resilience/job.js';
import type { HistoryRow } from '../resources/history.js';
import type { ResourceSample, ResourceSource } from '../resources/sample.js';
import type { BreakerLine } from './health-breakers.js';
import type { ChannelLine } from './health-channels.js';
import type { FiringReport } from './health-firing.js';
import type { JobLine } from './health-jobs.js';
import type { PerformanceReport } from './health-performance.js';

/** One status of a flow. */
export interface StatusFacts {
  readonly status: string;
  readonly items: number | undefined;
  /** Items beyond the lowest limit. */
  readonly stuckItems: number | undefined;
  readonly oldestAgeSeconds: number | undefined;
}

/** One flow as last seen. */
export interface FlowFacts {
  readonly flow: string;
  readonly mode: CaptureMode;
  readonly verdict: Verdict | undefined;
  readonly statuses: readonly StatusFacts[];
  readonly captureLagSeconds: number | undefined;
  /** Seconds per status and severity. */
  readonly limits: ReadonlyMap<string, Partial<Record<LimitSeverity, number>>>;
  readonly asOf: Date | undefined;
}

/** The machine and this process, each source with its age. */
export interface ResourceFacts {
  readonly sample: ResourceSample;
  readonly ageSeconds: ReadonlyMap<ResourceSource, number>;
  /** Undefined before the first measurement. */
  readonly health: Health | undefined;
}

/** The last samples of the machine. */
export interface ResourceHistoryFacts {
  /** The oldest first. */
  readonly rows: readonly HistoryRow[];
  /** Pause between two of them, milliseconds. */
  readonly intervalMs: number;
}

/** The latest answer of one probed service. */
export interface ProbeFacts {
  readonly probe: string;
  readonly kind: Probe['kind'];
  readonly outcome: ProbeOutcome | undefined;
  readonly at: Date | undefined;
  readonly lastSuccessAt: Date | undefined;
  readonly consecutiveFailures: number;
}

/** Whether the store answers and every flow is counted. */
export interface ReadyFacts {
  readonly storeAnswers: boolean;
  /** Flows that are not counted yet, or not any more. */
  readonly uncounted: readonly string[];
}

/** Where the facts come from. Nothing here waits or asks a network. */
export interface HealthFacts {
  now(): Date;
  ready(): ReadyFacts;
  flows(): readonly FlowFacts[];
  jobs(): readonly JobLine[];
  /** Whether this process reads the changes. */
  isLeader(): boolean;
  breakers(): readonly BreakerLine[];
  firing(): FiringReport;
  /** Undefined when measuring is off. */
  resources(): ResourceFacts | undefined;
  /** The samples of the last `minutes`. Undefined when measuring is off. */
  resourceHistory(minutes: number): ResourceHistoryFacts | undefined;
  probes(): readonly ProbeFacts[];
  performance(): PerformanceReport;
  /** The ways to people; empty when none is configured. */
  channels(): readonly ChannelLine[];
  /** The limits in force now. */
  thresholds(): readonly ThresholdValue[];
}

/** States in which a job does not do what it is there for. */
const ILL: ReadonlySet<JobState> = new Set(['late', 'stuck', 'crash_looping', 'stopped']);

/** The jobs that are behind, hang, rest or have ended. */
export function jobsNotWell(jobs: readonly JobLine[]): readonly JobLine[] {
  return jobs.filter(({ state }) => ILL.has(state));
}

/** A number with at most three decimals, for people; null when it is not known. */
export function rounded(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : Math.round(value * 1000) / 1000;
}
