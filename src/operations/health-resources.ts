/** Owns the bodies of `/health/resources` and `/resources/status`: the machine and this process, as last measured. */
import { type BytesUse, measured, RESOURCE_SOURCES } from '../resources/sample.js';
import { type HealthFacts, type ResourceFacts, rounded } from './health-facts.js';
import { limitOf, passedLimits } from './health-limits.js';

type Body = Readonly<Record<string, unknown>>;
type Facts = Pick<HealthFacts, 'resources' | 'performance' | 'thresholds' | 'now'>;

const MEGABYTE = 1e6;

/** What is said when no limit is passed. */
export const ALL_WELL = 'System performing well';

/** The body of `/health/resources`; undefined when measuring is off. What could not be read is null, and in `failed`. */
export function resourcesBody(facts: Facts): Body | undefined {
  const resources = facts.resources();
  if (resources === undefined) return undefined;
  const { sample, ageSeconds, health } = resources;
  const passed = passedLimits(resources, facts.performance(), facts.thresholds());
  const failed = RESOURCE_SOURCES.filter((source) => sample[source]?.kind === 'failed');
  const cpu = measured(sample, 'cpu');
  const load = measured(sample, 'load');
  const memory = measured(sample, 'memory');
  const swap = measured(sample, 'swap');
  const heap = measured(sample, 'heap');
  const diskIo = measured(sample, 'disk');
  return {
    status: passed.length === 0 && failed.length === 0 ? 'healthy' : 'degraded',
    timestamp: facts.now().toISOString(),
    cpu: cpu === undefined ? null : { cores: cpu.cores, utilization_percent: percent(cpu.utilizationRatio) },
    load: load ?? null,
    memory: memory === undefined ? null : bytesJson(memory),
    swap: swap === undefined ? null : bytesJson(swap),
    disk: disksJson(resources),
    disk_io: diskIo === undefined ? null : { read_bytes_total: diskIo.read, write_bytes_total: diskIo.write },
    network: networkJson(resources),
    process: processJson(resources),
    heap: heap === undefined ? null : bytesJson({ usedBytes: heap.usedBytes, totalBytes: heap.limitBytes }),
    health: {
      score: rounded(health?.score),
      components: Object.fromEntries([...(health?.components ?? [])].map(([name, s]) => [name, rounded(s)])),
      reasons: health?.reasons.map(({ text }) => text) ?? [],
    },
    alerts: passed.map(({ message, severity, threshold, value, limit }) => {
      return { severity, threshold, value: rounded(value), limit, message };
    }),
    failed,
    age_seconds: Object.fromEntries([...ageSeconds].map(([source, age]) => [source, rounded(age)])),
  };
}

/** The body of `/resources/status`; undefined when measuring is off. Megabytes are millions of bytes. */
export function resourceStatusBody(facts: Facts): Body | undefined {
  const resources = facts.resources();
  if (resources === undefined) return undefined;
  const { sample, health } = resources;
  const passed = passedLimits(resources, facts.performance(), facts.thresholds());
  const memory = measured(sample, 'memory');
  const resident = measured(sample, 'process')?.residentBytes;
  const emergency = limitOf(facts.thresholds(), 'health_score', 'critical');
  const isKnown = emergency !== undefined && health?.score !== undefined;
  return {
    health: {
      current_resources: {
        memory_mb: rounded(resident === undefined ? undefined : resident / MEGABYTE),
        cpu_percent: percent(measured(sample, 'cpu')?.utilizationRatio),
        memory_utilization_percent: memory === undefined ? null : bytesJson(memory).utilization_percent,
      },
      health_score: rounded(health?.score),
      alerts: passed.map(({ message }) => message),
      recommendations: passed.length === 0 ? [ALL_WELL] : passed.map((one) => one.recommendation),
    },
    emergency: { emergency_mode: isKnown ? health.score < emergency : null },
  };
}

function bytesJson({ usedBytes, totalBytes }: BytesUse) {
  return {
    used_bytes: usedBytes,
    total_bytes: totalBytes,
    utilization_percent: totalBytes > 0 ? percent(usedBytes / totalBytes) : null,
  };
}

function disksJson({ sample }: ResourceFacts): unknown {
  const disks = measured(sample, 'filesystem');
  if (disks === undefined) return null;
  return [...disks.mounts].map(([mountpoint, use]) => ({ mountpoint, ...bytesJson(use) }));
}

function networkJson({ sample }: ResourceFacts): unknown {
  const devices = measured(sample, 'network');
  if (devices === undefined) return null;
  return [...devices].map(([device, totals]) => ({
    device,
    receive_bytes_total: totals.receiveBytes,
    transmit_bytes_total: totals.transmitBytes,
    receive_errors_total: totals.receiveErrors,
    transmit_errors_total: totals.transmitErrors,
  }));
}

function processJson({ sample }: ResourceFacts): unknown {
  const own = measured(sample, 'process');
  if (own === undefined) return null;
  return {
    resident_bytes: own.residentBytes,
    children: own.children ?? null,
    open_fds: own.openFds ?? null,
    max_fds: own.maxFds ?? null,
  };
}

function percent(share: number | undefined): number | null {
  return share === undefined ? null : rounded(share * 100);
}
