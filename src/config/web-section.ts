/** Owns the reading of one map of the web configuration file: each key once, and a problem for each that is unknown. */
import { isMap, type Reader } from './fields.js';
import { didYouMean } from './nearest.js';
import type { Problem } from './problem.js';

/** Takes a problem; the place is the path inside the file. */
export type Report = (path: readonly string[], what: string, remedy: string) => void;

/** Makes problems of the file `fileName` and keeps them in `problems`. */
export function reportTo(
  problems: Problem[],
  fileName: string,
  lineOf: (path: readonly string[]) => number | undefined,
): Report {
  return (path, what, remedy) => {
    const line = lineOf(path);
    const where = line === undefined ? fileName : `${fileName}:${line}`;
    problems.push({ path: path.join('.') || '(file)', where, value: undefined, what, remedy });
  };
}

/** One map of the file. Values are never repeated in a problem: most of them are secrets. */
export class WebSection {
  readonly #read = new Set<string>();

  constructor(
    private readonly path: readonly string[],
    private readonly map: Readonly<Record<string, unknown>>,
    private readonly report: Report,
  ) {}

  /** Its keys, for maps whose keys are names. */
  names(): readonly string[] {
    return Object.keys(this.map);
  }

  /** The value of a key; undefined when it is missing or was refused. */
  value<T>(key: string, read: Reader<T>): T | undefined {
    this.#read.add(key);
    const raw = this.map[key];
    if (raw === undefined) return undefined;
    const parsed = read(raw);
    if (parsed.ok) return parsed.value;
    this.report([...this.path, key], parsed.what, parsed.remedy);
    return undefined;
  }

  /** The map below a key; undefined when it is missing, empty or no map. */
  section(key: string): WebSection | undefined {
    this.#read.add(key);
    const raw = this.map[key];
    if (raw === undefined || raw === null) return undefined;
    const path = [...this.path, key];
    if (isMap(raw)) return new WebSection(path, raw, this.report);
    this.report(path, 'is not a map', 'Write key: value lines below it');
    return undefined;
  }

  /** A problem of this map, at one of its keys. */
  refuse(key: string, what: string, remedy: string): void {
    this.report([...this.path, key], what, remedy);
  }

  /** To be called last: a key that nobody read is unknown. */
  end(): void {
    for (const key of Object.keys(this.map)) {
      if (this.#read.has(key)) continue;
      this.report([...this.path, key], 'is not a known key', didYouMean(key, [...this.#read]));
    }
  }
}
