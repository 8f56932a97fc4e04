/** Owns what the capture's tests share: a flow in one line, its journal installed, and the journal as text. */
import type postgres from 'postgres';
import type { WatchedTable } from '../../src/changes/inspect.js';
import { install } from '../../src/changes/install.js';
import { journalNames, quoteIdent } from '../../src/changes/journal-sql.js';
import type { Flow } from '../../src/flows/flow.js';

/** A flow over `public.items(id, status)` unless told otherwise. */
export function flowOf(parts: Partial<Flow> = {}): Flow {
  return {
    name: 'items',
    table: { schema: 'public', name: 'items' },
    key: ['id'],
    status: 'status',
    createdAt: undefined,
    updatedAt: undefined,
    movedAt: undefined,
    repeats: 'ignore',
    statuses: ['a', 'b', 'c'],
    moves: undefined,
    limits: new Map(),
    reason: undefined,
    ...parts,
  };
}

/** The same as a configuration has it. */
export function watchedOf(parts: Partial<WatchedTable> = {}): WatchedTable {
  return { ...flowOf(), statuses: undefined, reason: undefined, capture: 'journal', ...parts };
}

/** Runs the SQL, then installs the flow. */
export async function watch(sql: postgres.Sql, setup: string, parts: Partial<Flow> = {}): Promise<Flow> {
  const flow = flowOf(parts);
  await sql.unsafe(setup);
  await install(sql, flow, { maxRows: 1_000_000 });
  return flow;
}

/** The journal in its order, a line per change: `key: from>to`, `-` for "not in the table". */
export async function journalOf(sql: postgres.Sql, flow: Flow): Promise<string[]> {
  const rows = await sql.unsafe<{ key: string; from_status: string | null; to_status: string | null }[]>(
    `select key, from_status, to_status from ${tableOf(flow)} order by id`,
  );
  return rows.map((r) => `${r.key}: ${r.from_status ?? '-'}>${r.to_status ?? '-'}`);
}

/** Captures that failed inside the application's statements so far. */
export async function faultsOf(sql: postgres.Sql, flow: Flow): Promise<number> {
  const names = journalNames(flow);
  const [row] = await sql.unsafe<{ n: string }[]>(
    `select case when is_called then last_value else 0 end as n from ${quoteIdent(names.schema)}.${quoteIdent(names.faults)}`,
  );
  return Number(row!.n);
}

/** The journal's quoted name. */
export function tableOf(flow: Flow): string {
  const names = journalNames(flow);
  return `${quoteIdent(names.schema)}.${quoteIdent(names.journal)}`;
}
