/** Owns the options of a flow whose moves the program tells, and the flow that they describe. */
import { type Flow, LIMIT_SEVERITIES, type LimitSeverity, NONE, OTHER } from '../flows/flow.js';
import { InstrumentOptionError, SetupReader } from '../resilience/setup-options.js';

/** Options of a tracked flow. A wrong or unknown one throws InstrumentOptionError. */
export interface TrackedFlowOptions {
  /** The statuses in the order of the life cycle, 1 to 50 of 1 to 100 characters; every other one is counted as `other`. */
  readonly statuses: readonly string[];
  /** Expected moves as `from>to`, at most 2,600; others are counted as unexpected. By default every move is expected. */
  readonly moves?: readonly string[] | undefined;
  /** Longest expected time in a status, milliseconds, by status and severity. None by default; above 0 to 31,536,000,000 (a year). */
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
/** Every move between 50 statuses, none and back. */
const MAX_MOVES = 2_600;
const LONGEST_LIMIT_MS = 31_536_000_000;
/** As the exporter's configuration has it: the name is a label, and part of a table's name. */
const FLOW_NAME = /^[a-z][a-z0-9_]{0,39}$/;

const KNOWN = [
  'statuses',
  'moves',
  'limitsMs',
  'maxItems',
  'nowMs',
  'wallMs',
] as const satisfies readonly (keyof TrackedFlowOptions)[];
const GIVER = 'trackFlow';

/** Checks a name and options. Throws InstrumentOptionError. */
export function flowOf(name: string, options: TrackedFlowOptions): TrackedFlow {
  checkFlowName(name, GIVER);
  const read = new SetupReader(GIVER, options, KNOWN);
  const statuses = read.list<string>('statuses', isStatus, STATUS_RULE, MAX_STATUSES);
  if (statuses.length === 0) throw read.refusal('statuses', `a list of 1 to ${MAX_STATUSES} statuses`);
  const ends = new Set([...statuses, NONE]);
  const moves = read.list<string>('moves', (move) => isMove(move, ends), MOVE_RULE, MAX_MOVES);
  const limitsMs = checkLimits(options.limitsMs, statuses);
  const maxItems = read.whole('maxItems', 10_000, 1, MAX_ITEMS);
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
    moves: read.has('moves') ? new Set(moves) : undefined,
    limits: new Map(Object.entries(limitsMs)),
    reason: undefined,
  };
  const nowMs = read.optionalFunction<() => number>('nowMs') ?? (() => performance.now());
  const wallMs = read.optionalFunction<() => number>('wallMs') ?? Date.now;
  return { flow, maxItems, nowMs, wallMs };
}

const STATUS_RULE = `texts of 1 to 100 characters without >, none of them ${NONE} or ${OTHER}`;
const MOVE_RULE = 'moves such as monitoring>active between two of the statuses';

function isStatus(value: unknown): boolean {
  if (typeof value !== 'string' || value === NONE || value === OTHER || value.includes('>')) return false;
  return value.length >= 1 && value.length <= 100;
}

function isMove(value: unknown, known: ReadonlySet<string>): boolean {
  const ends = typeof value === 'string' ? value.split('>') : [];
  return ends.length === 2 && ends[0] !== ends[1] && ends.every((end) => known.has(end));
}

function checkLimits(
  limitsMs: unknown,
  statuses: readonly string[],
): NonNullable<TrackedFlowOptions['limitsMs']> {
  if (limitsMs === undefined) return {};
  if (!isRecord(limitsMs)) {
    const rule = 'milliseconds by status and severity, such as { active: { warning: 60000 } }';
    throw new InstrumentOptionError('limitsMs', rule, limitsMs, GIVER);
  }
  for (const [status, limits] of Object.entries(limitsMs)) {
    const option = `limitsMs[${status}]`;
    if (!statuses.includes(status)) {
      throw new InstrumentOptionError(option, 'of a declared status', status, GIVER);
    }
    if (!isRecord(limits)) {
      const rule = `milliseconds by severity: ${LIMIT_SEVERITIES.join(', ')}`;
      throw new InstrumentOptionError(option, rule, limits, GIVER);
    }
    for (const [severity, ms] of Object.entries(limits)) {
      if (!LIMIT_SEVERITIES.includes(severity as LimitSeverity)) {
        throw new InstrumentOptionError(
          option,
          `by severity: ${LIMIT_SEVERITIES.join(', ')}`,
          severity,
          GIVER,
        );
      }
      if (typeof ms === 'number' && ms > 0 && ms <= LONGEST_LIMIT_MS) continue;
      const rule = `milliseconds above 0 to ${LONGEST_LIMIT_MS}`;
      throw new InstrumentOptionError(`${option}.${severity}`, rule, ms, GIVER);
    }
  }
  return limitsMs as NonNullable<TrackedFlowOptions['limitsMs']>;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Throws InstrumentOptionError unless it can be the name of a flow. */
export function checkFlowName(name: unknown, giver: string): void {
  if (typeof name === 'string' && FLOW_NAME.test(name)) return;
  throw new InstrumentOptionError('name', 'lower-case words joined by _, at most 40 characters', name, giver);
}
