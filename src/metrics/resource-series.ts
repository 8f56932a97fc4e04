/** Owns turning samples of the machine and judgements of health into series; what is not known now has none. */
import { HEALTH_COMPONENTS, type Health } from '../health.js';
import type {
  BytesUse,
  CpuUse,
  FilesystemUse,
  HeapUse,
  LoadAverage,
  NetworkTotals,
  Outcome,
  ProcessUse,
  ResourceReadings,
  ResourceSource,
} from '../resources/sample.js';
import { DISK_DIRECTIONS, type DiskTotals } from '../resources/sample.js';
import type { Gauge } from './gauge.js';
import type { Metrics } from './registry.js';

const WINDOWS = ['1m', '5m', '15m'] as const;

/** Shows what each source says; a source that failed loses its series, and only it. */
export class ResourceSeries {
  readonly #mountpoints = new Set<string>();
  readonly #devices = new Set<string>();
  readonly #show: { readonly [S in ResourceSource]: (value: ResourceReadings[S] | undefined) => void };

  constructor(private readonly metrics: Metrics) {
    this.#show = {
      cpu: (use) => this.#cpu(use),
      load: (load) => this.#load(load),
      memory: (use) => bytes(metrics.memoryUsed, metrics.memoryTotal, use),
      swap: (use) => bytes(metrics.swapUsed, metrics.swapTotal, use),
      network: (devices) => this.#network(devices),
      heap: (use) => this.#heap(use),
      filesystem: (use) => this.#filesystem(use),
      disk: (totals) => this.#disk(totals),
      process: (use) => this.#process(use),
    };
  }

  /** Shows one outcome. */
  take<S extends ResourceSource>(source: S, outcome: Outcome<ResourceReadings[S]>): void {
    const value = outcome.kind === 'measured' ? outcome.value : undefined;
    this.#show[source](value);
    const whole =
      value !== undefined && !(source === 'filesystem' && (value as FilesystemUse).failed.size > 0);
    const collector = `resource_${source}`;
    this.metrics.collectorSuccess.set({ collector }, whole ? 1 : 0);
    this.metrics.collectorDuration.set({ collector }, outcome.durationMs / 1000);
  }

  /** Shows a judgement. */
  showHealth({ score, components }: Health): void {
    setOrRemove(this.metrics.healthScore, {}, score);
    for (const component of HEALTH_COMPONENTS) {
      setOrRemove(this.metrics.healthComponentScore, { component }, components.get(component));
    }
  }

  #cpu(use: CpuUse | undefined): void {
    setOrRemove(this.metrics.cpuUtilization, {}, use?.utilizationRatio);
    setOrRemove(this.metrics.cpuCores, {}, use?.cores);
  }

  #load(load: LoadAverage | undefined): void {
    for (const window of WINDOWS) setOrRemove(this.metrics.loadAverage, { window }, load?.[window]);
  }

  #heap(use: HeapUse | undefined): void {
    setOrRemove(this.metrics.heapUsed, {}, use?.usedBytes);
    setOrRemove(this.metrics.heapLimit, {}, use?.limitBytes);
  }

  #process(use: ProcessUse | undefined): void {
    setOrRemove(this.metrics.processChildren, {}, use?.children);
  }

  #filesystem(use: FilesystemUse | undefined): void {
    const mounts = use?.mounts ?? new Map<string, BytesUse>();
    for (const mountpoint of mounts.keys()) this.#mountpoints.add(mountpoint);
    for (const mountpoint of this.#mountpoints) {
      const now = mounts.get(mountpoint);
      setOrRemove(this.metrics.filesystemUsed, { mountpoint }, now?.usedBytes);
      setOrRemove(this.metrics.filesystemTotal, { mountpoint }, now?.totalBytes);
    }
  }

  #network(totals: ReadonlyMap<string, NetworkTotals> = new Map()): void {
    for (const device of totals.keys()) this.#devices.add(device);
    for (const device of this.#devices) {
      const now = totals.get(device);
      // A device that went and came back begins at zero, which Prometheus shall see as a counter reset.
      for (const direction of ['receive', 'transmit'] as const) {
        const labels = { device, direction };
        if (now === undefined) {
          this.metrics.networkBytes.remove(labels);
          this.metrics.networkErrors.remove(labels);
          continue;
        }
        this.metrics.networkBytes.restartAt(labels, now[`${direction}Bytes`]);
        this.metrics.networkErrors.restartAt(labels, now[`${direction}Errors`]);
      }
      // Names of devices that are gone are forgotten: on some machines new ones never end.
      if (now === undefined) this.#devices.delete(device);
    }
  }

  #disk(totals: DiskTotals | undefined): void {
    for (const direction of DISK_DIRECTIONS) {
      if (totals === undefined) this.metrics.diskBytes.remove({ direction });
      else this.metrics.diskBytes.restartAt({ direction }, totals[direction]);
    }
  }
}

function bytes(used: Gauge<never>, total: Gauge<never>, use: BytesUse | undefined): void {
  setOrRemove(used, {}, use?.usedBytes);
  setOrRemove(total, {}, use?.totalBytes);
}

function setOrRemove<L extends string>(
  gauge: Gauge<L>,
  labels: Readonly<Record<L, string>>,
  value: number | undefined,
): void {
  if (value === undefined) gauge.remove(labels);
  else gauge.set(labels, value);
}
