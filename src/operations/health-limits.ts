/** Owns the comparison of what is measured now with the limits of the configuration: what is beyond which. Pure. */
import { SEVERITIES, type Severity, THRESHOLDS, type ThresholdValue } from '../config/thresholds.js';
import { measured } from '../resources/sample.js';
import type { ResourceFacts } from './health-facts.js';
import type { PerformanceReport } from './health-performance.js';

/** A limit that is passed now. Alert rules wait before they fire; this does not. */
export interface PassedLimit {
  readonly threshold: string;
  readonly severity: Severity;
  readonly value: number;
  readonly limit: number;
  /** One sentence for people. */
  readonly message: string;
  /** What to do first. */
  readonly recommendation: string;
}

/** What can be compared without a history, and what to do about it. */
const REMEDIES = {
  cpu_utilization_ratio: 'Look at what uses the processors, or give the machine or container more of them.',
  memory_utilization_ratio: 'Look at what uses the memory, or raise the limit of the container.',
  memory_used_bytes:
    'Look at what uses the memory; switch this limit off on machines that are meant to use more.',
  filesystem_utilization_ratio: 'Delete what is not needed, or enlarge the file system.',
  heap_utilization_ratio: 'Restart this process at a quiet moment and look for what it keeps.',
  file_descriptors_ratio: 'Look for connections that are not closed, or raise the limit of open files.',
  event_loop_delay_seconds: 'Look for work that blocks this process, or give it a processor of its own.',
  health_score: 'See the reasons of the score at /health/resources.',
} as const;

/** The limits that are passed, of each threshold the loudest, the loudest first. */
export function passedLimits(
  resources: Pick<ResourceFacts, 'sample' | 'health'>,
  performance: Pick<PerformanceReport, 'eventLoopDelayP99Seconds'>,
  thresholds: readonly ThresholdValue[],
): readonly PassedLimit[] {
  const values = valuesOf(resources, performance);
  const passed = [...values].flatMap(([name, value]) => passedOne(name, value, thresholds) ?? []);
  return passed.sort((a, b) => SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity));
}

/** The limit of a threshold at a severity; undefined when it is off. */
export function limitOf(
  thresholds: readonly ThresholdValue[],
  name: string,
  severity: Severity,
): number | undefined {
  return thresholds.find((one) => one.threshold === name && one.severity === severity)?.value;
}

function valuesOf(
  { sample, health }: Pick<ResourceFacts, 'sample' | 'health'>,
  performance: Pick<PerformanceReport, 'eventLoopDelayP99Seconds'>,
): ReadonlyMap<keyof typeof REMEDIES, number> {
  const memory = measured(sample, 'memory');
  const heap = measured(sample, 'heap');
  const own = measured(sample, 'process');
  const mounts = [...(measured(sample, 'filesystem')?.mounts.values() ?? [])];
  const shares = mounts.filter(({ totalBytes }) => totalBytes > 0).map((m) => m.usedBytes / m.totalBytes);
  const values: readonly (readonly [keyof typeof REMEDIES, number | undefined])[] = [
    ['cpu_utilization_ratio', measured(sample, 'cpu')?.utilizationRatio],
    ['memory_utilization_ratio', ratio(memory?.usedBytes, memory?.totalBytes)],
    ['memory_used_bytes', memory?.usedBytes],
    // Of several file systems the fullest: one that has room does not help another.
    ['filesystem_utilization_ratio', shares.length === 0 ? undefined : Math.max(...shares)],
    ['heap_utilization_ratio', ratio(heap?.usedBytes, heap?.limitBytes)],
    ['file_descriptors_ratio', ratio(own?.openFds, own?.maxFds)],
    ['event_loop_delay_seconds', performance.eventLoopDelayP99Seconds],
    ['health_score', health?.score],
  ];
  return new Map(values.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
}

function passedOne(
  name: keyof typeof REMEDIES,
  value: number,
  thresholds: readonly ThresholdValue[],
): PassedLimit | undefined {
  const spec = THRESHOLDS.find((one) => one.name === name);
  for (const severity of [...SEVERITIES].reverse()) {
    const limit = limitOf(thresholds, name, severity);
    if (limit === undefined) continue;
    const isPassed = spec?.side === 'below' ? value < limit : value > limit;
    if (!isPassed) continue;
    const side = spec?.side === 'below' ? 'below' : 'above';
    const message = `${name} is ${short(value)}, ${side} the ${severity} limit of ${short(limit)}`;
    return { threshold: name, severity, value, limit, message, recommendation: REMEDIES[name] };
  }
  return undefined;
}

function ratio(part: number | undefined, whole: number | undefined): number | undefined {
  return part === undefined || whole === undefined || !(whole > 0) ? undefined : part / whole;
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
