/** Owns which values a status or reason column can have: declared ones held against what the column allows. */
import { parseLabelValue, parseStatus } from '../config/names.js';
import { nearest } from '../config/nearest.js';
import { NONE } from '../flows/flow.js';
import { allowedValues } from './check-values.js';
import type { ColumnFacts } from './table-facts.js';
import type { WatchedTable } from './watched-table.js';

const TEXT_TYPES = new Set(['text', 'varchar', 'bpchar', 'name', 'citext']);
const INTEGER_TYPES = new Set(['int2', 'int4', 'int8']);

/** Takes one reason why the flow cannot be watched: its key, what is wrong, what to do. */
export type Refuse = (key: string, message: string, remedy: string) => void;

type Declared = Pick<WatchedTable, 'statuses' | 'limits' | 'moves' | 'reason'>;

/** The flow's statuses in order, declared or taken from the column; undefined when something was refused. */
export function statusesOf(
  watched: Declared,
  status: ColumnFacts,
  notes: string[],
  refuse: Refuse,
): string[] | undefined {
  const closed = valuesOf(status);
  const allowed = closed?.values;
  if (!isStatusType(status)) {
    refuse(
      'status',
      `${shown(status)} cannot be a status`,
      'Name a column of text, an enum, integers or booleans',
    );
    return undefined;
  }
  if (watched.statuses === undefined && allowed === undefined) {
    const seen = `neither an enum nor a CHECK constraint lists the values of ${status.name}`;
    const named = [...new Set([...(watched.moves ?? [])].flatMap((move) => move.split('>')))];
    const example = named.filter((name) => name !== NONE).join(', ') || 'new, active, done';
    refuse('statuses', seen, `List them in the order of the life cycle: statuses: [${example}]`);
    return undefined;
  }
  for (const declared of watched.statuses ?? []) {
    if (allowed === undefined || allowed.includes(declared)) continue;
    refuse(
      'statuses',
      `${declared} can never stand in ${status.name}, by its ${closed!.by}`,
      meant(declared, allowed),
    );
  }
  const statuses = [...(watched.statuses ?? usable(allowed!, (v) => parseStatus(v).ok, status.name, notes))];
  if (statuses.length === 0) refuse('statuses', 'no value of the column can be a label', 'List the statuses');
  for (const name of watched.limits.keys()) {
    if (!statuses.includes(name))
      refuse(`limits.${name}`, 'is not a status of the table', meant(name, statuses));
  }
  for (const move of watched.moves ?? []) {
    const stranger = move.split('>').find((side) => side !== NONE && !statuses.includes(side));
    if (stranger !== undefined)
      refuse('moves', `${move} names no status of the table`, meant(stranger, statuses));
  }
  return statuses;
}

/** The declared reasons, or those the column can have; undefined when something was refused. */
export function reasonsOf(
  watched: Declared,
  column: ColumnFacts,
  notes: string[],
  refuse: Refuse,
): string[] | undefined {
  if (watched.reason?.values !== undefined) return [...watched.reason.values];
  const values = valuesOf(column)?.values;
  if (values !== undefined) return usable(values, (v) => parseLabelValue(v).ok, column.name, notes);
  const seen = `neither an enum nor a CHECK constraint lists the values of ${column.name}`;
  refuse('reason', seen, `List them: reason: {column: ${column.name}, values: [...]}`);
  return undefined;
}

/** The values a column can have and what says so; undefined when it can have any. */
function valuesOf(column: ColumnFacts): { values: readonly string[]; by: string } | undefined {
  if (column.enumLabels !== undefined) return { values: column.enumLabels, by: 'enum' };
  if (column.baseType === 'bool') return { values: ['false', 'true'], by: 'type' };
  for (const check of column.checks) {
    const values = allowedValues(check.expression, check.of === 'domain' ? 'VALUE' : column.name);
    if (values !== undefined) return { values, by: 'CHECK constraint' };
  }
  return undefined;
}

function usable(
  values: readonly string[],
  good: (value: string) => boolean,
  column: string,
  notes: string[],
): string[] {
  const refused = values.filter((v) => !good(v));
  if (refused.length > 0)
    notes.push(`${column}: ${refused.join(', ')} cannot be a label and is counted as other`);
  return values.filter(good);
}

function isStatusType(column: ColumnFacts): boolean {
  const { baseType } = column;
  return (
    column.enumLabels !== undefined ||
    baseType === 'bool' ||
    TEXT_TYPES.has(baseType) ||
    INTEGER_TYPES.has(baseType)
  );
}

/** A column and its type, for messages. */
export function shown(column: ColumnFacts): string {
  return `${column.name} (${column.type})`;
}

/** The remedy for an unknown name: the nearest known one, then all when they are few. */
export function meant(name: string, known: readonly string[]): string {
  const all = known.length <= 14 ? ` Known: ${known.join(', ')}` : '';
  return `Did you mean ${nearest(name, known)}?${all}`;
}
