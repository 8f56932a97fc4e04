/** Owns the SQL of the journal in the source: how it is made, removed, read, and set going again. Text only, no I/O. */
import { createHash } from 'node:crypto';
import type { Flow } from '../flows/flow.js';
import {
  CAPTURE_SCHEMA,
  CAPTURED_STATEMENTS,
  dollarQuote,
  journalNames,
  qualified,
  quoteIdent,
  quoteLiteral,
} from './journal-names.js';
import {
  EPOCH_BITS,
  functionSql,
  PRINT_SETTINGS,
  STOPPED_ID,
  stopWhenFullSql,
  triggerClause,
} from './trigger-sql.js';

export { journalNames, quoteIdent, quoteLiteral } from './journal-names.js';
export { PRINT_SETTINGS } from './trigger-sql.js';

/** Rises when a part of the journal changes that the fingerprint of its functions does not cover. */
const JOURNAL_VERSION = 1;

/** A table by its raw names. */
export interface TableRef {
  readonly schema: string;
  readonly name: string;
}

export interface InstallOptions {
  /** Rows the journal may hold unread before it stops itself and counts faults instead. 1000 to 10^12. */
  readonly maxRows: number;
  /** A role other than the installer that reads the journal; it gets what reading needs and no more. */
  readonly readerRole?: string;
}

/**
 * Statements that make the journal of a flow, in order, without a final semicolon. Each may be repeated, and none
 * loses what the journal holds. Only the last one takes locks on the watched table, its partitions and children.
 * Throws RangeError for a bound outside its limits or a name that PostgreSQL cannot hold.
 */
export function installSql(flow: Flow, options: InstallOptions): string[] {
  return [...prepareSql(flow, options), attachSql(flow, everyTableOf(flow))];
}

/** The statements of {@link installSql} that touch nothing but our own schema. */
export function prepareSql(flow: Flow, options: InstallOptions): string[] {
  checkMaxRows(options.maxRows);
  return [
    ...schemaSql(),
    ...storageSql(flow),
    ...programSql(flow),
    registerSql(flow, options.maxRows),
    ...(options.readerRole === undefined ? [] : grantSql(flow, options.readerRole)),
  ];
}

/** Makes or enables the flow's triggers on one table. SHARE ROW EXCLUSIVE on it, and none when nothing is missing. */
export function attachToSql(flow: Flow, table: TableRef): string {
  return attachSql(flow, `SELECT ${regclass(table)}::oid AS oid`);
}

/** Removes the flow's triggers from one table that is no longer part of it. ACCESS EXCLUSIVE on it. */
export function detachFromSql(flow: Flow, table: TableRef): string {
  const drops = CAPTURED_STATEMENTS.map(
    (s) =>
      `DROP TRIGGER IF EXISTS ${quoteIdent(journalNames(flow).functions[s])} ON ${qualified(table.schema, table.name)};`,
  );
  return `DO ${dollarQuote(`BEGIN ${drops.join(' ')} END`)}`;
}

/** Statements that remove everything of one flow, and the schema with the last one. Each may be repeated. */
export function uninstallSql(flow: Pick<Flow, 'name'>): string[] {
  const names = journalNames(flow);
  const forget = `BEGIN
  IF to_regclass('${CAPTURE_SCHEMA}.installation') IS NULL THEN RETURN; END IF;
  DELETE FROM ${CAPTURE_SCHEMA}.installation WHERE flow = ${quoteLiteral(flow.name)};
  IF NOT EXISTS (SELECT FROM ${CAPTURE_SCHEMA}.installation) THEN DROP SCHEMA ${CAPTURE_SCHEMA} CASCADE; END IF;
END`;
  return [
    // CASCADE takes the triggers along from wherever they are, also from renamed tables and detached partitions.
    ...CAPTURED_STATEMENTS.map(
      (s) => `DROP FUNCTION IF EXISTS ${qualified(names.schema, names.functions[s])}() CASCADE`,
    ),
    `DROP TABLE IF EXISTS ${qualified(names.schema, names.journal)}`,
    `DROP SEQUENCE IF EXISTS ${qualified(names.schema, names.ids)}`,
    `DROP SEQUENCE IF EXISTS ${qualified(names.schema, names.faults)}`,
    `DO ${dollarQuote(forget)}`,
  ];
}

/** Removes everything of all flows at once; it needs ACCESS EXCLUSIVE on every watched table in one transaction. */
export function uninstallAllSql(): string[] {
  return [`DROP SCHEMA IF EXISTS ${CAPTURE_SCHEMA} CASCADE`];
}

/** Hash of the programs and the journal's shape: what is installed under another fingerprint is outdated. */
export function fingerprint(flow: Flow): string {
  const text = [JOURNAL_VERSION, ...storageSql(flow), ...programSql(flow)].join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/**
 * Sets a journal going again that stopped at its bound; run it when everything in it is read and deleted. The ids
 * go on in the next epoch, above every one handed out, also to transactions that are still open. One row with the
 * new base when it had stopped, none otherwise.
 */
export function rearmSql(flow: Pick<Flow, 'name'>): string {
  const names = journalNames(flow);
  const ids = qualified(names.schema, names.ids);
  return `WITH base AS MATERIALIZED (
  SELECT ((greatest(i.drained_id, (SELECT max(id) FROM ${qualified(names.schema, names.journal)})) >> ${EPOCH_BITS}) + 1) << ${EPOCH_BITS} AS id
  FROM ${CAPTURE_SCHEMA}.installation i, ${ids} s
  WHERE i.flow = ${quoteLiteral(flow.name)} AND s.last_value = ${STOPPED_ID}
), moved AS (
  UPDATE ${CAPTURE_SCHEMA}.installation SET drained_id = base.id FROM base WHERE flow = ${quoteLiteral(flow.name)}
  RETURNING drained_id
)
SELECT setval(${quoteLiteral(ids)}, drained_id)::text AS id FROM moved`;
}

/** Every table whose statements are captured: the watched one, its partitions and children, at any depth. */
export function everyTableOf(flow: Pick<Flow, 'table'>): string {
  return `WITH RECURSIVE tree(oid) AS (
    SELECT ${regclass(flow.table)}::oid UNION SELECT h.inhrelid FROM pg_inherits h JOIN tree ON h.inhparent = tree.oid
  ) SELECT tree.oid FROM tree JOIN pg_class c ON c.oid = tree.oid WHERE c.relkind IN ('r', 'p')`;
}

function schemaSql(): string[] {
  // CREATE SCHEMA IF NOT EXISTS asks for the right to create even when nothing is to be created.
  const create = `BEGIN IF to_regnamespace('${CAPTURE_SCHEMA}') IS NULL THEN CREATE SCHEMA ${CAPTURE_SCHEMA}; END IF; END`;
  return [
    `DO ${dollarQuote(create)}`,
    `REVOKE ALL ON SCHEMA ${CAPTURE_SCHEMA} FROM PUBLIC`,
    `CREATE TABLE IF NOT EXISTS ${CAPTURE_SCHEMA}.installation (
  flow text PRIMARY KEY, relation oid NOT NULL, schema_name text NOT NULL, table_name text NOT NULL,
  version int NOT NULL, fingerprint text NOT NULL, installed_at timestamptz NOT NULL, reader text,
  drained_id bigint NOT NULL DEFAULT 0, max_rows bigint NOT NULL)`,
    `REVOKE ALL ON ${CAPTURE_SCHEMA}.installation FROM PUBLIC`,
    stopWhenFullSql(),
    `REVOKE ALL ON FUNCTION ${CAPTURE_SCHEMA}.stop_when_full(text, regclass, bigint) FROM PUBLIC`,
  ];
}

function storageSql(flow: Flow): string[] {
  const names = journalNames(flow);
  const journal = qualified(names.schema, names.journal);
  const ids = qualified(names.schema, names.ids);
  const faults = qualified(names.schema, names.faults);
  return [
    // CACHE 1: a session that keeps ids back would hand a later move of an item an earlier id.
    `CREATE SEQUENCE IF NOT EXISTS ${ids} AS bigint CACHE 1`,
    `CREATE SEQUENCE IF NOT EXISTS ${faults} AS bigint CACHE 1`,
    // vacuum_truncate: giving space back to the disk would lock writers out for a moment, again and again.
    `CREATE TABLE IF NOT EXISTS ${journal} (
  id bigint PRIMARY KEY DEFAULT nextval(${quoteLiteral(ids)}),
  tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  key text NOT NULL, from_status text, to_status text, reason text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, vacuum_truncate = off)`,
    `REVOKE ALL ON ${journal} FROM PUBLIC`,
    `REVOKE ALL ON SEQUENCE ${ids}, ${faults} FROM PUBLIC`,
  ];
}

function programSql(flow: Flow): string[] {
  const names = journalNames(flow);
  return [
    ...CAPTURED_STATEMENTS.flatMap((s) => [
      functionSql(flow, s),
      // Without it any user could attach the function to a table of theirs and forge changes.
      `REVOKE ALL ON FUNCTION ${qualified(names.schema, names.functions[s])}() FROM PUBLIC`,
    ]),
    pinPrintingSql(flow),
  ];
}

/** Pins the settings that print keys, when a key column's text depends on them: each pin costs the writer time. */
function pinPrintingSql(flow: Flow): string {
  const names = journalNames(flow);
  const settings = Object.entries(PRINT_SETTINGS).map(([k, v]) => `SET ${k} = ${quoteLiteral(v)}`);
  const alter = (['insert', 'update', 'delete'] as const).map(
    (s) => `ALTER FUNCTION ${qualified(names.schema, names.functions[s])}() ${settings.join(' ')};`,
  );
  return `DO ${dollarQuote(`BEGIN
  IF EXISTS (
    SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = ${regclass(flow.table)} AND a.attname IN (${flow.key.map(quoteLiteral).join(', ')})
      AND t.typcategory NOT IN ('S', 'E', 'B', 'I')
      AND t.oid NOT IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype, 'uuid'::regtype)
  ) THEN ${alter.join('\n    ')}
  END IF;
END`)}`;
}

function registerSql(flow: Flow, maxRows: number): string {
  const values = [flow.name, flow.table.schema, flow.table.name].map(quoteLiteral);
  return `INSERT INTO ${CAPTURE_SCHEMA}.installation
  (flow, schema_name, table_name, relation, version, fingerprint, installed_at, max_rows)
VALUES (${values.join(', ')}, ${regclass(flow.table)}::oid, ${JOURNAL_VERSION}, ${quoteLiteral(fingerprint(flow))}, now(), ${maxRows})
ON CONFLICT (flow) DO UPDATE SET schema_name = excluded.schema_name, table_name = excluded.table_name,
  relation = excluded.relation, version = excluded.version, fingerprint = excluded.fingerprint,
  installed_at = excluded.installed_at, max_rows = excluded.max_rows`;
}

function grantSql(flow: Flow, role: string): string[] {
  const names = journalNames(flow);
  const to = quoteIdent(role);
  return [
    `GRANT USAGE ON SCHEMA ${CAPTURE_SCHEMA} TO ${to}`,
    `GRANT SELECT, UPDATE (drained_id, reader) ON ${CAPTURE_SCHEMA}.installation TO ${to}`,
    `GRANT SELECT, DELETE ON ${qualified(names.schema, names.journal)} TO ${to}`,
    `GRANT SELECT, UPDATE ON SEQUENCE ${qualified(names.schema, names.ids)} TO ${to}`,
    `GRANT SELECT ON SEQUENCE ${qualified(names.schema, names.faults)} TO ${to}`,
  ];
}

/** Looks first, so that a repeated install takes no lock on the table. The definition of a trigger never changes. */
function attachSql(flow: Flow, tables: string): string {
  const names = journalNames(flow);
  const triggers = CAPTURED_STATEMENTS.map((s) => {
    const name = quoteLiteral(names.functions[s]);
    const call = quoteLiteral(`${qualified(names.schema, names.functions[s])}()`);
    return `
    SELECT t.tgenabled INTO enabled FROM pg_trigger t WHERE t.tgrelid = watched.oid AND t.tgname = ${name};
    IF NOT FOUND THEN
      EXECUTE format('CREATE TRIGGER %I ${triggerClause(s)} FOR EACH STATEMENT EXECUTE FUNCTION %s', ${name}, watched.oid::regclass, ${call});
    ELSIF enabled = 'D' THEN
      EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', watched.oid::regclass, ${name});
    END IF;`;
  });
  return `DO ${dollarQuote(`
DECLARE
  watched record;
  enabled "char";
BEGIN
  FOR watched IN ${tables} LOOP${triggers.join('')}
  END LOOP;
END`)}`;
}

function regclass(table: TableRef): string {
  return `${quoteLiteral(qualified(table.schema, table.name))}::regclass`;
}

function checkMaxRows(maxRows: number): void {
  if (Number.isSafeInteger(maxRows) && maxRows >= 1000 && maxRows <= 1e12) return;
  throw new RangeError(`The bound of the journal is ${maxRows} rows; use a whole number from 1000 to 10^12.`);
}
