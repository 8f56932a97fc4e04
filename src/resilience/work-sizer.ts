/** Owns the sizes of one lane of work as they are in force: the rule's, or the first ones while it is switched off. */
import { EventSource, type WorkSizeParameter } from './events.js';
import type { Adaptive } from './limit.js';
import { OptionReader } from './options.js';
import type { PolicyClock } from './policy-clock.js';
import {
  readWorkSize,
  WORK_SIZE_OPTIONS,
  type WorkSizeOptions,
  type WorkSizeReading,
  type WorkSizeState,
} from './work-size.js';

/** Options of a work sizer, beside those of `WorkSizeOptions`. A wrong one throws PolicyOptionError at construction, an unknown one too. */
export interface WorkSizerOptions extends WorkSizeOptions {
  /** Name of the lane of work, label value of its series, 1 to 100 characters. */
  readonly name: string;
  /** `off`: the first sizes hold until it is switched on. Default `on`. */
  readonly adapts?: 'on' | 'off' | undefined;
  /** Time. Default the shared monotonic clock. */
  readonly clock?: PolicyClock | undefined;
}

const KNOWN = [
  ...WORK_SIZE_OPTIONS,
  'adapts',
  'clock',
] as const satisfies readonly (keyof WorkSizerOptions)[];

/**
 * How large the batches of one lane of work are, and how many run at the same time. It sets no timer and reads nothing by
 * itself: give it a reading every few seconds, and ask for the sizes before each batch.
 */
export class WorkSizer extends EventSource {
  readonly name: string;
  readonly #rule: Adaptive<WorkSizeState, WorkSizeReading>;
  readonly #clock: PolicyClock;
  #state: WorkSizeState;
  #isOn: boolean;

  /** Throws PolicyOptionError for a wrong option. */
  constructor(options: WorkSizerOptions) {
    super();
    const read = new OptionReader('work sizer', options, KNOWN);
    this.name = read.name;
    this.#rule = readWorkSize(read);
    this.#state = this.#rule.initial;
    this.#clock = read.clock();
    this.#isOn = read.oneOf('adapts', 'on', ['on', 'off']) === 'on';
  }

  /** Pieces of work per batch now, whole. */
  get batchSize(): number {
    return this.#state.batchSize;
  }

  /** Batches at the same time now, whole. */
  get parallelism(): number {
    return this.#state.parallelism;
  }

  /** Whether the sizes follow the load. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Lets the sizes follow the load from the next reading on. */
  switchOn(): void {
    this.#isOn = true;
  }

  /** Takes the first sizes up again and keeps them. An operator's act, so it is not counted among the changes. */
  switchOff(): void {
    this.#isOn = false;
    this.#state = this.#rule.initial;
  }

  /** Takes a reading; the sizes may be others afterwards. Does nothing while switched off. */
  sample(reading: Omit<WorkSizeReading, 'nowMs'>): void {
    if (!this.#isOn) return;
    const before = this.#state;
    this.#state = this.#rule.next(before, { ...reading, nowMs: this.#clock.nowMs() });
    if (this.#state === before) return;
    this.#tell('batch_size', before.batchSize, this.#state.batchSize);
    this.#tell('parallelism', before.parallelism, this.#state.parallelism);
  }

  #tell(parameter: WorkSizeParameter, from: number, to: number): void {
    const { reason } = this.#state;
    if (from === to || reason === 'none') return;
    const direction = to > from ? 'up' : 'down';
    this.emit({ kind: 'work_size', workSizer: this.name, parameter, direction, reason, from, to });
  }
}
