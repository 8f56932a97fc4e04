/** Owns the latest sample: reads sources when told, keeps what each said last, and never lets one spoil another. */
import { linuxReaders, type Watched } from './linux-readers.js';
import { portableReaders } from './portable-readers.js';
import type { Outcome, Reader, ResourceReadings, ResourceSample, ResourceSource } from './sample.js';
import { systemFiles } from './system-files.js';

/** Sources whose reading costs more, or that change slowly; all others are read often. */
export const SLOW_SOURCES: readonly ResourceSource[] = ['filesystem', 'process'];

/** Told of each outcome as it comes. */
export type OutcomeListener = <S extends ResourceSource>(
  source: S,
  outcome: Outcome<ResourceReadings[S]>,
) => void;

/** The readers of the system that this program runs on. */
export function systemReaders(watched: Watched, platform: NodeJS.Platform): readonly Reader[] {
  return platform === 'linux' ? linuxReaders(watched, systemFiles()) : portableReaders(watched, platform);
}

/** Reads sources and keeps their latest outcomes. */
export class ResourceSampler {
  readonly #latest = new Map<ResourceSource, Outcome<never>>();

  constructor(
    private readonly readers: readonly Reader[],
    /** Monotonic clock in milliseconds. */
    private readonly nowMs: () => number,
    private readonly on: OutcomeListener = () => {},
  ) {}

  /** The latest outcome of each source that was read. */
  get sample(): ResourceSample {
    return Object.fromEntries(this.#latest) as ResourceSample;
  }

  /** Reads the sources of one pace. Resolves when each has answered or failed; never rejects for one of them. */
  async read(pace: 'often' | 'seldom'): Promise<void> {
    const mine = this.readers.filter(({ source }) => SLOW_SOURCES.includes(source) === (pace === 'seldom'));
    await Promise.all(mine.map((reader) => this.#readOne(reader)));
  }

  async #readOne(reader: Reader): Promise<void> {
    const startedMs = this.nowMs();
    const end = () => ({ atMs: this.nowMs(), durationMs: this.nowMs() - startedMs });
    let outcome: Outcome<unknown>;
    try {
      const answer = reader.read(startedMs);
      // Waiting for what is there already would add the reading of all the others to its duration.
      const value = answer instanceof Promise ? await answer : answer;
      outcome = { kind: 'measured', value, ...end() };
    } catch (error) {
      outcome = { kind: 'failed', error, ...end() };
    }
    this.#latest.set(reader.source, outcome as Outcome<never>);
    this.on(reader.source, outcome as Outcome<never>);
  }
}
