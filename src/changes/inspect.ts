/** Owns turning a configured flow into one the source can be watched by, or into every reason why it cannot. */
import type postgres from 'postgres';
import { nearest } from '../config/nearest.js';
import type { Flow } from '../flows/flow.js';
import { meant, type Refuse, reasonsOf, shown, statusesOf } from './declared-values.js';
import {
  type AccessFacts,
  type ColumnFacts,
  readAccess,
  readTableFacts,
  readTableNames,
  type TableFacts,
} from './table-facts.js';
import type { WatchedTable } from './watched-table.js';

export type { WatchedTable } from './watched-table.js';

/** Oldest server with 64-bit transaction ids in SQL, as in `server_version_num`. */
const OLDEST_SERVER = 130000;
const MOMENT_TYPES = new Set(['timestamptz', 'timestamp', 'date']);

/** One reason why a flow cannot be watched as configured; `path` is the configuration's key. */
export interface InspectionProblem {
  readonly path: string;
  readonly message: string;
  readonly remedy: string;
}

/** A flow that can be watched, or every problem at once. `notes` are worth a line in the log and stop nothing. */
export type Inspection =
  | {
      readonly ok: true;
      readonly flow: Flow;
      readonly table: TableFacts;
      readonly access: AccessFacts;
      readonly notes: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly InspectionProblem[] };

/** Looks the flow's names up in the source's catalog. Rejects only when the database does. */
export async function inspectTable(sql: postgres.Sql, watched: WatchedTable): Promise<Inspection> {
  const facts = await readTableFacts(sql, watched.table);
  if (facts === undefined) {
    const path = `flows.${watched.name}.table`;
    return { ok: false, problems: [{ path, ...(await unknownTable(sql, watched)) }] };
  }
  return judgeTable(watched, facts, await readAccess(sql, facts));
}

/** The judgement alone, from what the catalog said. Pure. */
export function judgeTable(watched: WatchedTable, table: TableFacts, access: AccessFacts): Inspection {
  const problems: InspectionProblem[] = [];
  const refuse = (key: string, message: string, remedy: string) =>
    problems.push({ path: `flows.${watched.name}.${key}`, message, remedy });
  judgeKind(table, access, watched, refuse);
  if (problems.length > 0) return { ok: false, problems };

  const column = (key: string, name: string | undefined) => findColumn(table, watched, key, name, refuse);
  const keys = watched.key.map((name) => column('key', name));
  const status = column('status', watched.status);
  for (const key of ['createdAt', 'updatedAt', 'movedAt'] as const) {
    const moment = column(KEY_OF[key], watched[key]);
    if (moment === undefined || MOMENT_TYPES.has(moment.baseType)) continue;
    refuse(KEY_OF[key], `${shown(moment)} is no moment`, 'Name a column of type timestamp with time zone');
  }
  if (keys.every((k) => k !== undefined)) judgeKey(watched, table, keys, refuse);
  const reasonColumn = column('reason.column', watched.reason?.column);
  const notes = notesOf(table, access);
  const statuses = status && statusesOf(watched, status, notes, refuse);
  const reasons = reasonColumn && reasonsOf(watched, reasonColumn, notes, refuse);
  if (problems.length > 0 || statuses === undefined) return { ok: false, problems };

  const reason = reasonColumn && reasons ? { column: reasonColumn.name, values: reasons } : undefined;
  return { ok: true, flow: flowOf(watched, statuses, reason), table, access, notes };
}

const KEY_OF = { createdAt: 'created_at', updatedAt: 'updated_at', movedAt: 'moved_at' } as const;

/** Only what a Flow is made of: the configuration holds more. */
function flowOf(watched: WatchedTable, statuses: readonly string[], reason: Flow['reason']): Flow {
  const { name, table, key, status, createdAt, updatedAt, movedAt, repeats, moves, limits } = watched;
  const columns = { key, status, createdAt, updatedAt, movedAt };
  return { name, table, ...columns, repeats, statuses, moves, limits, reason };
}

async function unknownTable(sql: postgres.Sql, watched: WatchedTable) {
  const known = (await readTableNames(sql, watched.table)).map((t) => `${t.schema}.${t.name}`);
  const asked = `${watched.table.schema}.${watched.table.name}`;
  const guess = nearest(asked, known);
  return {
    message: `there is no table ${asked} in this database`,
    remedy:
      guess === undefined
        ? 'The database holds no table: check that the source names the right one'
        : `Did you mean ${guess}? Names are case-sensitive here`,
  };
}

function judgeKind(table: TableFacts, access: AccessFacts, watched: WatchedTable, refuse: Refuse): void {
  const name = `${table.schema}.${table.name}`;
  if (access.serverVersion < OLDEST_SERVER) {
    const version = Math.floor(access.serverVersion / 10000);
    refuse('table', `the server is PostgreSQL ${version}`, 'Use PostgreSQL 13 or later');
  }
  if (table.kind !== 'table' && table.kind !== 'partitioned') {
    refuse(
      'table',
      `${name} is a ${table.kind}: its rows change elsewhere`,
      'Name the table that holds the rows',
    );
  } else if (table.temporary) {
    refuse('table', `${name} is temporary: only the session that made it sees it`, 'Name a lasting table');
  } else if (table.schema === 'pg_catalog' || table.schema === 'information_schema') {
    refuse('table', `${name} belongs to PostgreSQL, which allows no triggers on it`, 'Name a table of yours');
  }
  if (!access.canUseSchema) {
    refuse(
      'table',
      `this role may not use the schema ${table.schema}`,
      `GRANT USAGE ON SCHEMA ${table.schema} to it`,
    );
  }
  if (table.hasParent && (watched.capture === 'auto' || watched.capture === 'journal')) {
    const what = `${name} is a partition or child: statements on its parent do not fire its triggers`;
    refuse('table', what, 'Watch the parent, which covers it, or set capture: snapshot');
  }
  if (access.inRecovery && watched.capture === 'journal') {
    refuse(
      'capture',
      'the server is a standby, where no journal can be read empty',
      'Connect to the primary',
    );
  }
}

function findColumn(
  table: TableFacts,
  watched: WatchedTable,
  key: string,
  name: string | undefined,
  refuse: Refuse,
): ColumnFacts | undefined {
  if (name === undefined) return undefined;
  const found = table.columns.find((c) => c.name === name);
  if (found === undefined) {
    const known = table.columns.map((c) => c.name);
    refuse(key, `there is no column ${name} in ${table.schema}.${table.name}`, meant(name, known));
  } else if (!found.readable) {
    refuse(
      key,
      `this role may not read the column ${name}`,
      `GRANT SELECT ON ${table.schema}.${table.name} to it`,
    );
  } else if (found.generated === 'virtual' && (watched.capture === 'auto' || watched.capture === 'journal')) {
    refuse(
      key,
      `${name} is a virtual generated column, which triggers see as NULL`,
      'Make it STORED, or set capture: snapshot',
    );
  }
  return found;
}

/** Without a key there is no item: two rows that look alike could not be told apart, nor a move from a swap. */
function judgeKey(
  watched: WatchedTable,
  table: TableFacts,
  keys: readonly ColumnFacts[],
  refuse: Refuse,
): void {
  const columns = watched.key.join(', ');
  const name = `${table.schema}.${table.name}`;
  const nullable = keys.filter((k) => !k.notNull);
  if (nullable.length > 0) {
    const fix = nullable.map((k) => `ALTER COLUMN ${k.name} SET NOT NULL`).join(', ');
    refuse('key', `${nullable.map((k) => k.name).join(', ')} may be NULL`, `ALTER TABLE ${name} ${fix}`);
  }
  if (table.uniqueKeys.some((unique) => unique.length > 0 && unique.every((c) => watched.key.includes(c))))
    return;
  const existing = table.uniqueKeys.map((unique) => unique.join(', ')).filter((unique) => unique !== '');
  const instead = existing.length > 0 ? `; or use a key that the table has: ${existing.join(' | ')}` : '';
  refuse(
    'key',
    `nothing keeps (${columns}) unique in ${name}`,
    `ALTER TABLE ${name} ADD PRIMARY KEY (${columns}), or CREATE UNIQUE INDEX CONCURRENTLY ON ${name} (${columns})${instead}`,
  );
}

function notesOf(table: TableFacts, access: AccessFacts): string[] {
  const notes: string[] = [];
  const foreign = table.descendants.filter((d) => d.kind === 'foreign table').map((d) => d.name);
  if (foreign.length > 0) notes.push(`partitions on other servers are not captured: ${foreign.join(', ')}`);
  if (table.kind === 'table' && table.descendants.length > 0) {
    notes.push('the table has children: nothing keeps the key unique across them');
  }
  if (access.superuser) notes.push('this role is a superuser: a role with fewer rights is enough');
  if (access.pooled)
    notes.push('a connection pooler is between us and the server: connect directly for the journal');
  return notes;
}
