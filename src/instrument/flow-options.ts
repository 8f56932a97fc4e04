/** Owns the options of a flow whose moves the program tells, and the flow that they describe. */
import { type Flow, type LimitSeverity, NONE, OTHER } from '../flows/flow.js';
import { InstrumentOptionError } from './option-error.js';

/** Options of a tracked flow. A wrong one throws InstrumentOptionError. */
export interface TrackedFlowOptions {
  /** The statuses in the order of the life cycle, 1 to 50; every other one is counted as `other`. */
  readonly statuses: readonly string[];
  /** Expected moves as `from>to`; others are counted as unexpected. By default every move is expected. */
  readonly moves?: readonly string[] | undefined;
  /** Longest expected time in a status, milliseconds, by status and severity. None by default. */
  readonly limitsMs?: Readonly<Record<string, Partial<Record<LimitSeverity, number>>>> | undefined;
  /** Items remembered at most; beyond it the longest unmoved is forgotten and counted. Default 10,000; 1 to 100,000. */
  readonly maxItems?: number | undefined;
  /** Monotonic clock in milliseconds. Default `performance.now`. */
  readonly nowMs?: (() => number) | undefined;
  /** Wall clock in milliseconds since the epoch, for moments. Default `Date.now`. */
  readonly wallMs?: (() => number) | undefined;
}

/** Checked options. */
export interface TrackedFlow {
  readonly flow: Flow;
  readonly maxItems: number;
  readonly nowMs: () => number;
  readonly wallMs: () => number;
}

const MAX_STATUSES = 50;
const MAX_ITEMS = 100_000;
/** As the exporter's configuration has it: the name is a label, and part of a table's name. */
const FLOW_NAME = /^[a-z][a-z0-9_]{0,39}$/;

/** Checks a name and options. Throws InstrumentOptionError. */
export function flowOf(name: string, options: TrackedFlowOptions): TrackedFlow {
  const { statuses, moves, limitsMs = {}, maxItems = 10_000 } = options;
  checkFlowName(name);
  if (!Array.isArray(statuses) || statuses.length === 0 || statuses.length > MAX_STATUSES) {
    throw new InstrumentOptionError('statuses', `a list of 1 to ${MAX_STATUSES} statuses`, statuses);
  }
  for (const status of statuses) {
    if (
      typeof status === 'string' &&
      status !== '' &&
      status !== NONE &&
      status !== OTHER &&
      !status.includes('>')
    )
      continue;
    throw new InstrumentOptionError('statuses', `texts without >, none of them ${NONE} or ${OTHER}`, status);
  }
  const known = new Set([...statuses, NONE]);
  for (const move of moves ?? []) {
    const ends = move.split('>');
    if (ends.length === 2 && ends[0] !== ends[1] && ends.every((end) => known.has(end))) continue;
    throw new InstrumentOptionError('moves', 'moves such as monitoring>active between the statuses', move);
  }
  for (const [status, limits] of Object.entries(limitsMs)) {
    const isLimit = Object.values(limits).every(
      (ms) => typeof ms === 'number' && ms > 0 && Number.isFinite(ms),
    );
    if (statuses.includes(status) && isLimit) continue;
    throw new InstrumentOptionError(
      `limitsMs[${status}]`,
      'milliseconds above 0 of a declared status',
      status,
    );
  }
  if (!Number.isInteger(maxItems) || maxItems < 1 || maxItems > MAX_ITEMS) {
    throw new InstrumentOptionError('maxItems', `a whole number from 1 to ${MAX_ITEMS}`, maxItems);
  }
  const flow: Flow = {
    name,
    table: { schema: '', name: '' },
    key: [],
    status: '',
    createdAt: undefined,
    updatedAt: undefined,
    movedAt: undefined,
    repeats: 'ignore',
    statuses: [...statuses],
    moves: moves === undefined ? undefined : new Set(moves),
    limits: new Map(Object.entries(limitsMs)),
    reason: undefined,
  };
  const { nowMs = () => performance.now(), wallMs = Date.now } = options;
  return { flow, maxItems, nowMs, wallMs };
}

/** Throws InstrumentOptionError unless it can be the name of a flow. */
export function checkFlowName(name: string): void {
  if (FLOW_NAME.test(name)) return;
  throw new InstrumentOptionError('name', 'lower-case words joined by _, at most 40 characters', name);
}
