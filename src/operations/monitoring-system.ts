/** Owns the body of `/api/monitoring/system/health`: memory, processors and the calls to others, each with a status. */
import { SEVERITIES, type ThresholdValue } from '../config/thresholds.js';
import { measured } from '../resources/sample.js';
import { openBreakers } from './health-breakers.js';
import { type HealthFacts, rounded } from './health-facts.js';
import { limitOf } from './health-limits.js';

type Facts = Pick<HealthFacts, 'resources' | 'breakers' | 'probes' | 'thresholds' | 'now'>;

/** The status of one part. */
export const PART_STATUSES = ['ok', 'warning', 'critical', 'unknown'] as const;
export type PartStatus = (typeof PART_STATUSES)[number];
/** The status of all together. */
export const OVERALL_STATUSES = ['healthy', 'warning', 'degraded', 'critical', 'unknown'] as const;
export type OverallStatus = (typeof OVERALL_STATUSES)[number];

const GIGABYTE = 1e9;

/** Memory as it is told. */
export interface MemoryJson {
  readonly total_gb: number | null;
  readonly used_gb: number | null;
  readonly available_gb: number | null;
  readonly percent: number | null;
  readonly status: PartStatus;
}

/** The body. */
export interface SystemHealthBody {
  readonly timestamp: string;
  readonly memory: MemoryJson;
  readonly cpu: {
    readonly percent: number | null;
    readonly count: number | null;
    readonly status: PartStatus;
  };
  readonly api_health: {
    readonly circuit_breaker_open: boolean;
    readonly open_breakers: readonly string[];
    /** The most failures since a success of one breaker or one probe. */
    readonly consecutive_failures: number;
    readonly failing_probes: readonly string[];
    readonly status: PartStatus;
  };
  readonly health_score: number | null;
  readonly reasons: readonly string[];
  readonly overall_status: OverallStatus;
  readonly status: 'ok';
}

/** The body; undefined when measuring is off. Gigabytes are billions of bytes. */
export function systemHealthBody(facts: Facts): SystemHealthBody | undefined {
  const resources = facts.resources();
  if (resources === undefined) return undefined;
  const memory = memoryJson(facts);
  const cpu = measured(resources.sample, 'cpu');
  const cpuStatus = shareStatus(facts.thresholds(), 'cpu_utilization_ratio', cpu?.utilizationRatio);
  const apis = apiHealth(facts);
  return {
    timestamp: facts.now().toISOString(),
    memory,
    cpu: {
      percent: rounded(cpu?.utilizationRatio === undefined ? undefined : cpu.utilizationRatio * 100),
      count: cpu?.cores ?? null,
      status: cpuStatus,
    },
    api_health: apis,
    health_score: rounded(resources.health?.score),
    reasons: resources.health?.reasons.map(({ text }) => text) ?? [],
    overall_status: overallOf(memory.status, cpuStatus, apis.status),
    status: 'ok',
  };
}

/** Memory of the machine, or of the container where it has a limit. */
export function memoryJson({ resources, thresholds }: Pick<Facts, 'resources' | 'thresholds'>): MemoryJson {
  const memory = measured(resources()?.sample ?? {}, 'memory');
  if (memory === undefined || !(memory.totalBytes > 0))
    return { total_gb: null, used_gb: null, available_gb: null, percent: null, status: 'unknown' };
  const share = memory.usedBytes / memory.totalBytes;
  return {
    total_gb: rounded(memory.totalBytes / GIGABYTE),
    used_gb: rounded(memory.usedBytes / GIGABYTE),
    available_gb: rounded(Math.max(0, memory.totalBytes - memory.usedBytes) / GIGABYTE),
    percent: rounded(share * 100),
    status: shareStatus(thresholds(), 'memory_utilization_ratio', share),
  };
}

/** The status of a share by the limits in force: critical above that one, warning above any other but `info`. */
export function shareStatus(
  thresholds: readonly ThresholdValue[],
  name: string,
  share: number | undefined,
): PartStatus {
  if (share === undefined) return 'unknown';
  const passed = SEVERITIES.filter((severity) => share > (limitOf(thresholds, name, severity) ?? Infinity));
  if (passed.includes('critical')) return 'critical';
  return passed.some((severity) => severity !== 'info') ? 'warning' : 'ok';
}

/** What is broken towards others makes the whole degraded, not critical: this process goes on without them. */
export function overallOf(memory: PartStatus, cpu: PartStatus, apis: PartStatus): OverallStatus {
  const own = [memory, cpu];
  if (own.includes('critical')) return 'critical';
  if (apis === 'critical') return 'degraded';
  if ([...own, apis].includes('warning')) return 'warning';
  return own.includes('unknown') ? 'unknown' : 'healthy';
}

function apiHealth({ breakers, probes }: Pick<Facts, 'breakers' | 'probes'>): SystemHealthBody['api_health'] {
  const all = breakers();
  const open = openBreakers(all).map(({ name }) => name);
  const asked = probes();
  const failing = asked.filter(({ outcome }) => outcome?.success === false).map(({ probe }) => probe);
  const worst = Math.max(
    0,
    ...all.map(({ failuresInRow }) => failuresInRow),
    ...asked.map(({ consecutiveFailures }) => consecutiveFailures),
  );
  const isCritical = open.length > 0 || failing.length > 0;
  return {
    circuit_breaker_open: open.length > 0,
    open_breakers: open,
    consecutive_failures: worst,
    failing_probes: failing,
    status: isCritical ? 'critical' : worst > 0 ? 'warning' : 'ok',
  };
}
