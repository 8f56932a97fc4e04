/** Owns the rules between the keys of one flow: what may stand beside what. */
import { NONE } from '../flows/flow.js';
import { isMap, type Refuse } from './fields.js';
import { parseStatus } from './names.js';
import { didYouMean } from './nearest.js';

/**
 * A flow after its single keys were read. A key that was refused still holds its raw value, so each rule
 * looks at the type first and stays silent about what is reported already.
 */
export type ReadFlow = { readonly [key: string]: unknown };

/** Runs every rule between the keys of a flow. */
export function checkFlow(flow: ReadFlow, refuse: Refuse): void {
  checkLimits(flow, refuse);
  checkMoves(flow, refuse);
  checkColumns(flow, refuse);
  if (flow.repeats === 'count' && flow.moved_at === undefined) {
    refuse(
      ['repeats'],
      'counts repeats without a moved_at column',
      'Name the column in moved_at, or write ignore',
    );
  }
  // Not moved_at: it may stand still when a row is written, and such a row would never be polled.
  if (flow.capture === 'poll' && flow.updated_at === undefined) {
    refuse(
      ['capture'],
      'polls without an updated_at column',
      'Name the column that changes with every write in updated_at, or choose journal or snapshot',
    );
  }
}

function checkLimits(flow: ReadFlow, refuse: Refuse): void {
  const statuses = texts(flow.statuses);
  for (const [status, limit] of Object.entries(asMap(flow.limits))) {
    const parsed = parseStatus(status);
    if (!parsed.ok) {
      refuse(['limits', status], parsed.what, parsed.remedy);
    } else if (statuses !== undefined && !statuses.includes(status)) {
      refuse(['limits', status], 'is not among the declared statuses', didYouMean(status, statuses));
    }
    const { warning, critical } = asMap(limit) as { warning?: unknown; critical?: unknown };
    if (isMap(limit) && Object.keys(limit).length === 0) {
      refuse(['limits', status], 'sets no limit', 'Write { warning: 3m, critical: 15m }, or one of the two');
    }
    if (typeof warning !== 'number' || typeof critical !== 'number' || critical > warning) continue;
    refuse(
      ['limits', status, 'critical'],
      'is not above the warning limit',
      'Make critical longer than warning, or remove one of them',
    );
  }
}

function checkMoves(flow: ReadFlow, refuse: Refuse): void {
  const statuses = texts(flow.statuses);
  const moves = Array.isArray(flow.moves) ? flow.moves : [];
  for (const [index, move] of moves.entries()) {
    if (typeof move !== 'string') continue;
    const sides = move.split('>').map((side) => side.trim());
    if (sides[0] === sides[1] && flow.repeats === 'ignore') {
      refuse(['moves', index], 'moves a status to itself', 'Remove it, or write repeats: count');
    }
    const stranger = statuses && sides.find((side) => side !== NONE && !statuses.includes(side));
    if (stranger === undefined) continue;
    refuse(
      ['moves', index],
      `names ${JSON.stringify(stranger)}, not a declared status`,
      didYouMean(stranger, statuses!),
    );
  }
}

/** The status column is what is counted: it cannot also identify, date or explain the item. */
function checkColumns(flow: ReadFlow, refuse: Refuse): void {
  const status = flow.status;
  if (typeof status !== 'string') return;
  const key = Array.isArray(flow.key) ? flow.key : [];
  if (key.includes(status)) {
    refuse(
      ['key'],
      'contains the status column',
      'Identify items by columns that stay the same while they move',
    );
  }
  for (const role of ['created_at', 'updated_at', 'moved_at'] as const) {
    if (flow[role] === status)
      refuse([role], 'is the status column', 'Name a column with a moment, or remove the key');
  }
  if ((asMap(flow.reason) as { column?: unknown }).column === status) {
    refuse(
      ['reason'],
      'is the status column',
      'Name the column that says why an item moved, or remove the key',
    );
  }
}

function asMap(value: unknown): Record<string, unknown> {
  return isMap(value) ? value : {};
}

/** The list when each of its values was read; undefined otherwise, so that no rule builds on a broken list. */
function texts(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return value.every((item) => typeof item === 'string' && parseStatus(item).ok)
    ? (value as string[])
    : undefined;
}
