/** Owns the rule that turns readings of CPU, memory and work into a load mode; pure, in the same shape as a limit. */
import { type LoadMode, type LoadSignal, loadModes, loadSignals } from './events.js';
import type { Adaptive } from './limit.js';
import { OptionReader } from './options.js';

/** The share of the usual work that each mode takes on. */
export const LOAD_FACTORS: Readonly<Record<LoadMode, number>> = { normal: 1, reduced: 0.7, minimal: 0.3 };

/**
 * One look at the load, each 0 to 1 or above. A signal that is left out is not judged; one that is NaN could not be read:
 * it never lets the mode fall.
 */
export interface LoadReading {
  /** Share of the processors in use. */
  readonly cpuRatio?: number | undefined;
  /** Share of the memory in use. */
  readonly memoryRatio?: number | undefined;
  /** Work at hand as a share of what the service can do: a queue's filling, or used workers. */
  readonly workRatio?: number | undefined;
}

/** Where the mode stands. */
export interface LoadState {
  readonly mode: LoadMode;
  /** The mode that the last readings ask for; `mode` itself when they ask for no change. */
  readonly towards: LoadMode;
  /** Readings in a row that ask for a change in that direction. */
  readonly samples: number;
  /** The signal that brought the mode about; `none` in normal mode. */
  readonly cause: LoadSignal | 'none';
}

/** Options of the rule. A wrong one throws PolicyOptionError, an unknown one too. */
export interface LoadModeOptions {
  /** CPU use above which the mode is reduced. Default 0.7; 0 to 1. */
  readonly cpuReducedRatio?: number | undefined;
  /** CPU use above which it is minimal. Default 0.85; `cpuReducedRatio` to 1. */
  readonly cpuMinimalRatio?: number | undefined;
  /** Memory use above which the mode is reduced. Default 0.75; 0 to 1. */
  readonly memoryReducedRatio?: number | undefined;
  /** Memory use above which it is minimal. Default 0.9; `memoryReducedRatio` to 1. */
  readonly memoryMinimalRatio?: number | undefined;
  /** Work above which the mode is reduced. Default 0.8; 0 to 100. */
  readonly workReducedRatio?: number | undefined;
  /** Work above which it is minimal. Off by default: work alone never makes it minimal; `workReducedRatio` to 100. */
  readonly workMinimalRatio?: number | undefined;
  /** How far below its limit a signal must be before the mode falls. Default 0.05; 0 to 0.5. */
  readonly hysteresisRatio?: number | undefined;
  /** Readings in a row that change the mode. Default 3; 1 to 1,000. */
  readonly samples?: number | undefined;
}

/** The names of the options, for those that take them along with others. */
export const LOAD_MODE_OPTIONS = [
  'cpuReducedRatio',
  'cpuMinimalRatio',
  'memoryReducedRatio',
  'memoryMinimalRatio',
  'workReducedRatio',
  'workMinimalRatio',
  'hysteresisRatio',
  'samples',
] as const satisfies readonly (keyof LoadModeOptions)[];

/** 0.85 less 0.05 is a little below 0.8, and a signal at exactly 0.8 would count as above it. */
const ROUNDING = 1e-9;

/** For each signal the limits of the modes after the first. */
type Limits = Readonly<Record<LoadSignal, readonly [reduced: number, minimal: number]>>;

/** The mode that follows from readings. Throws PolicyOptionError for a wrong option. */
export function loadMode(options: LoadModeOptions = {}): Adaptive<LoadState, LoadReading> {
  return readLoadMode(new OptionReader('load mode', options, LOAD_MODE_OPTIONS, 'load'));
}

/** The same from options that another part reads along with its own. */
export function readLoadMode(read: OptionReader): Adaptive<LoadState, LoadReading> {
  const pair = (signal: LoadSignal, reduced: number, minimal: number, max: number) => {
    const low = read.number(`${signal}ReducedRatio`, reduced, 0, max);
    const option = `${signal}MinimalRatio`;
    // An infinite limit is one that nothing exceeds.
    if (!read.has(option) && minimal === Number.POSITIVE_INFINITY) return [low, minimal] as const;
    return [low, read.number(option, Math.max(minimal, low), low, max)] as const;
  };
  const limits: Limits = {
    cpu: pair('cpu', 0.7, 0.85, 1),
    memory: pair('memory', 0.75, 0.9, 1),
    work: pair('work', 0.8, Number.POSITIVE_INFINITY, 100),
  };
  const hysteresis = read.number('hysteresisRatio', 0.05, 0, 0.5);
  const needed = read.whole('samples', 3, 1, 1_000);
  const initial: LoadState = { mode: 'normal', towards: 'normal', samples: 0, cause: 'none' };
  return { initial, next: (state, reading) => nextState(state, reading, limits, hysteresis, needed) };
}

function nextState(
  state: LoadState,
  reading: LoadReading,
  limits: Limits,
  hysteresis: number,
  needed: number,
): LoadState {
  const given = loadSignals
    .map((signal) => ({ signal, value: reading[`${signal}Ratio`], limits: limits[signal] }))
    .filter((one): one is Judged => one.value !== undefined);
  if (given.length === 0) return state;
  const current = loadModes.indexOf(state.mode);
  const risen = highest(given, 0);
  const held = highest(given, hysteresis);
  const isBlind = given.some(({ value }) => !Number.isFinite(value));
  const target = risen.level > current ? risen.level : Math.min(current, isBlind ? current : held.level);
  if (target === current) {
    return state.samples === 0 ? state : { ...state, towards: state.mode, samples: 0 };
  }
  const before = loadModes.indexOf(state.towards);
  const goesOn = state.samples > 0 && Math.sign(before - current) === Math.sign(target - current);
  // Of the readings in a row the mildest change counts: all of them agreed to that much.
  const towards = !goesOn ? target : target > current ? Math.min(before, target) : Math.max(before, target);
  const samples = goesOn ? state.samples + 1 : 1;
  const mode = loadModes[towards]!;
  if (samples < needed) return { ...state, towards: mode, samples };
  const cause = towards === 0 ? 'none' : target > current ? risen.signal : held.signal;
  return { mode, towards: mode, samples: 0, cause };
}

interface Judged {
  readonly signal: LoadSignal;
  readonly value: number;
  readonly limits: readonly [number, number];
}

/** The highest level that any signal reaches with its limits lowered by so much, and the first that reaches it. */
function highest(given: readonly Judged[], loweredBy: number): { level: number; signal: LoadSignal } {
  let found = { level: 0, signal: given[0]!.signal };
  for (const { signal, value, limits } of given) {
    const level = limits.filter((limit) => value > limit - loweredBy + ROUNDING).length;
    if (level > found.level) found = { level, signal };
  }
  return found;
}
