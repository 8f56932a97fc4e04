/** Owns what the source's catalog says about a table: kind, columns, keys, rights. Names go in as parameters. */
import type postgres from 'postgres';
import type { TableRef } from './journal-sql.js';

/** A column as the catalog has it, domains followed to their base type. */
export interface ColumnFacts {
  readonly name: string;
  /** As a person writes it, for example `character varying(20)`. */
  readonly type: string;
  /** Base type's name in the catalog, for example `int4`, and its category: S text, E enum, N number, B boolean, D date. */
  readonly baseType: string;
  readonly category: string;
  readonly notNull: boolean;
  readonly generated: 'no' | 'stored' | 'virtual';
  /** Labels of an enum in their order. */
  readonly enumLabels: readonly string[] | undefined;
  /** Expressions of the CHECK constraints about this column alone; `VALUE` stands for it in those of a domain. */
  readonly checks: readonly { readonly expression: string; readonly of: 'column' | 'domain' }[];
  readonly readable: boolean;
}

export const TABLE_KINDS = [
  'table',
  'partitioned',
  'view',
  'materialized view',
  'foreign table',
  'other',
] as const;

/** Everything that decides whether and how a table can be watched. */
export interface TableFacts extends TableRef {
  readonly oid: number;
  readonly kind: (typeof TABLE_KINDS)[number];
  readonly temporary: boolean;
  /** It is itself a partition or child: statements on its parent do not fire its triggers. */
  readonly hasParent: boolean;
  readonly columns: readonly ColumnFacts[];
  /** Column sets of valid unique indexes without a condition or an expression. */
  readonly uniqueKeys: readonly (readonly string[])[];
  /** Partitions and children at any depth. */
  readonly descendants: readonly (TableRef & { readonly kind: TableFacts['kind'] })[];
}

/** What the server is and what we may do in it. */
export interface AccessFacts {
  /** As in `server_version_num`, for example 150018. */
  readonly serverVersion: number;
  readonly inRecovery: boolean;
  readonly superuser: boolean;
  /** The connection goes through a pooler: the server process is not the one that greeted us. */
  readonly pooled: boolean;
  readonly canUseSchema: boolean;
  readonly canCreateTrigger: boolean;
  /** May create our schema, or it exists and may be written. */
  readonly canCreateJournal: boolean;
}

const KINDS: Readonly<Record<string, TableFacts['kind']>> = {
  r: 'table',
  p: 'partitioned',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
};

/** The table of that name; undefined when there is none. */
export async function readTableFacts(sql: postgres.Sql, table: TableRef): Promise<TableFacts | undefined> {
  const [row] = await sql<{ oid: number; relkind: string; temporary: boolean; has_parent: boolean }[]>`
    select c.oid::int8::float8 as oid, c.relkind, c.relpersistence = 't' as temporary, 
      exists (select from pg_inherits h where h.inhrelid = c.oid) as has_parent
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${table.schema} and c.relname = ${table.name}`;
  if (row === undefined) return undefined;
  return {
    schema: table.schema,
    name: table.name,
    oid: row.oid,
    kind: KINDS[row.relkind] ?? 'other',
    temporary: row.temporary,
    hasParent: row.has_parent,
    columns: await readColumns(sql, row.oid),
    uniqueKeys: await readUniqueKeys(sql, row.oid),
    descendants: await readDescendants(sql, row.oid),
  };
}

/** What this role may do around the table, in this server. */
export async function readAccess(sql: postgres.Sql, table: TableFacts): Promise<AccessFacts> {
  const rows = await sql<
    {
      version: number;
      recovery: boolean;
      superuser: boolean;
      pid: number;
      usage: boolean;
      trigger: boolean;
      journal: boolean;
    }[]
  >`
    select current_setting('server_version_num')::int as version, pg_is_in_recovery() as recovery,
      coalesce((select rolsuper from pg_roles where rolname = current_user), false) as superuser,
      pg_backend_pid() as pid,
      has_schema_privilege(c.relnamespace, 'USAGE') as usage,
      has_table_privilege(c.oid, 'TRIGGER') as trigger,
      case when to_regnamespace('flowgauge_capture') is null then has_database_privilege(current_database(), 'CREATE')
        else has_schema_privilege('flowgauge_capture', 'CREATE') end as journal
    from pg_class c where c.oid = ${table.oid}`;
  const row = rows[0]!;
  const greeted = (rows as unknown as { state?: { pid?: number } }).state?.pid;
  return {
    serverVersion: row.version,
    inRecovery: row.recovery,
    superuser: row.superuser,
    pooled: typeof greeted === 'number' && greeted !== row.pid,
    canUseSchema: row.usage,
    canCreateTrigger: row.trigger,
    canCreateJournal: row.journal,
  };
}

/** Tables a person may have meant: all of the schema and those of the same name elsewhere, at most 200. */
export async function readTableNames(sql: postgres.Sql, table: TableRef): Promise<TableRef[]> {
  return sql<TableRef[]>`
    select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'flowgauge_capture')
    order by c.relname <> ${table.name}, n.nspname <> ${table.schema}, c.relname limit 200`;
}

async function readColumns(sql: postgres.Sql, oid: number): Promise<ColumnFacts[]> {
  const rows = await sql<
    (Omit<ColumnFacts, 'generated' | 'enumLabels' | 'checks'> & {
      generated: string;
      labels: string[] | null;
      checks: string[];
      domain_checks: string[];
    })[]
  >`
    with recursive base(attnum, typid) as (
      select attnum, atttypid from pg_attribute where attrelid = ${oid} and attnum > 0 and not attisdropped
      union all
      select b.attnum, t.typbasetype from base b join pg_type t on t.oid = b.typid where t.typtype = 'd'
    )
    select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, t.typname as "baseType",
      t.typcategory as category, a.attgenerated as generated,
      a.attnotnull or exists (select from base b join pg_type d on d.oid = b.typid where b.attnum = a.attnum and d.typnotnull) as "notNull",
      (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) as labels,
      to_json(array(select pg_get_expr(k.conbin, k.conrelid) from pg_constraint k
        where k.conrelid = a.attrelid and k.contype = 'c' and k.conkey = array[a.attnum] order by k.conname)) as checks,
      to_json(array(select pg_get_expr(k.conbin, 0) from base b join pg_constraint k on k.contypid = b.typid
        where b.attnum = a.attnum and k.contype = 'c' order by k.conname)) as domain_checks,
      has_column_privilege(a.attrelid, a.attnum, 'SELECT') as readable
    from pg_attribute a join base on base.attnum = a.attnum join pg_type t on t.oid = base.typid
    where a.attrelid = ${oid} and t.typtype <> 'd' order by a.attnum`;
  return rows.map(({ generated, labels, checks, domain_checks, ...column }) => ({
    ...column,
    generated: generated === 's' ? 'stored' : generated === 'v' ? 'virtual' : 'no',
    enumLabels: labels ?? undefined,
    checks: [
      ...checks.map((expression) => ({ expression, of: 'column' as const })),
      ...domain_checks.map((expression) => ({ expression, of: 'domain' as const })),
    ],
  }));
}

async function readUniqueKeys(sql: postgres.Sql, oid: number): Promise<string[][]> {
  const rows = await sql<{ columns: string[] }[]>`
    select to_json(array(select a.attname from pg_attribute a
      where a.attrelid = i.indrelid and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1]))) as columns
    from pg_index i where i.indrelid = ${oid} and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null`;
  return rows.map((row) => row.columns);
}

async function readDescendants(sql: postgres.Sql, oid: number): Promise<TableFacts['descendants'][number][]> {
  const rows = await sql<{ schema: string; name: string; relkind: string }[]>`
    with recursive tree(oid) as (
      select inhrelid from pg_inherits where inhparent = ${oid}
      union select h.inhrelid from pg_inherits h join tree on h.inhparent = tree.oid
    )
    select n.nspname as schema, c.relname as name, c.relkind
    from tree join pg_class c on c.oid = tree.oid join pg_namespace n on n.oid = c.relnamespace order by c.oid`;
  return rows.map((r) => ({ schema: r.schema, name: r.name, kind: KINDS[r.relkind] ?? 'other' }));
}
