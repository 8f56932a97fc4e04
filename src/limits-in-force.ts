/** Owns the limits in force: what the configuration says, what follows from the memory, their series, and every change of them. */
import { hasMoved, valuesInForce } from './config/limits-by-memory.js';
import type { ThresholdSetting, ThresholdValue } from './config/thresholds.js';
import type { Metrics } from './metrics/registry.js';
import type { Job } from './resilience/job.js';
import type { Logger } from './telemetry/logger.js';

/** How often the memory is compared with that of the limits in force. */
const LOOK_EVERY_MS = 300_000;
/** Until the memory was measured once there is no limit that follows from it, and no alert. */
const FIRST_LOOKS_EVERY_MS = 1_000;

/** What the limits need. */
export interface LimitsInForceOptions {
  readonly settings: readonly ThresholdSetting[];
  readonly metrics: Pick<Metrics, 'threshold'>;
  readonly log: Logger;
  /** Bytes of memory that this machine or container has; undefined while they are not known. */
  readonly memoryTotalBytes: () => number | undefined;
}

/** One per process: whoever compares with a limit asks here each time, and keeps no copy. */
export class LimitsInForce {
  #settings: readonly ThresholdSetting[];
  #values: readonly ThresholdValue[] = [];
  /** The memory that the values in force were computed from. */
  #totalBytes: number | undefined;

  constructor(private readonly options: LimitsInForceOptions) {
    this.#settings = options.settings;
    this.#put();
  }

  /** The values in force, in the order of the configuration; what is off, or not known yet, is not in the list. */
  values(): readonly ThresholdValue[] {
    return this.#values;
  }

  /** Puts other settings in force. */
  take(settings: readonly ThresholdSetting[]): void {
    this.#settings = settings;
    this.#tell('limits of the configuration were taken', this.#put());
  }

  /** Compares the memory with that of the values in force, and computes them anew when it has moved. */
  look(): void {
    const totalBytes = this.options.memoryTotalBytes();
    if (totalBytes === undefined || !(totalBytes > 0)) return;
    if (this.#totalBytes !== undefined && !hasMoved(this.#totalBytes, totalBytes)) return;
    this.#totalBytes = totalBytes;
    this.#tell('limits follow the memory', this.#put());
  }

  /** The job that looks. */
  job(): Job {
    return {
      name: 'limits',
      intervalMs: () => (this.#totalBytes === undefined ? FIRST_LOOKS_EVERY_MS : LOOK_EVERY_MS),
      deadlineMs: 10_000,
      run: async () => this.look(),
    };
  }

  /** Answers what was before. */
  #put(): readonly ThresholdValue[] {
    const { threshold } = this.options.metrics;
    const before = this.#values;
    this.#values = valuesInForce(this.#settings, this.#totalBytes);
    for (const { value, ...rung } of this.#values) threshold.set(rung, value);
    for (const { value: _, ...rung } of before)
      if (numberOf(this.#values, rung) === undefined) threshold.remove(rung);
    return before;
  }

  #tell(message: string, before: readonly ThresholdValue[]): void {
    const changes = new Map<string, { readonly old: number | null; readonly new: number | null }>();
    for (const rung of [...before, ...this.#values]) {
      const [was, is] = [numberOf(before, rung) ?? null, numberOf(this.#values, rung) ?? null];
      if (was !== is) changes.set(`${rung.threshold}.${rung.severity}`, { old: was, new: is });
    }
    if (changes.size === 0) return;
    const total = this.#totalBytes ?? null;
    this.options.log.info(message, { changes: Object.fromEntries(changes), memory_total_bytes: total });
  }
}

function numberOf(
  values: readonly ThresholdValue[],
  { threshold, severity }: Pick<ThresholdValue, 'threshold' | 'severity'>,
): number | undefined {
  return values.find((one) => one.threshold === threshold && one.severity === severity)?.value;
}
