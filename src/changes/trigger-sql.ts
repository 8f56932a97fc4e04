/** Owns the programs that run inside the application's statements: what they write, and that they never fail it. */
import type { Flow } from '../flows/flow.js';
import {
  CAPTURE_SCHEMA,
  type CapturedStatement,
  dollarQuote,
  journalNames,
  qualified,
  quoteIdent,
  quoteLiteral,
} from './journal-names.js';

/** Transition tables: the rows of the statement before and after. */
const OLD_ROWS = 'flowgauge_old';
const NEW_ROWS = 'flowgauge_new';

/** Ids between two looks at the bound of the journal. A power of two. */
const BOUND_CHECK_IDS = 1024;
/** Ids of one epoch, as a shift: a journal that was stopped goes on in the next epoch, above every id handed out. */
export const EPOCH_BITS = 40;
/** Longest wait of the application for a lock on the journal, which nobody takes but by hand. */
const JOURNAL_LOCK_TIMEOUT = '1s';
/** Last value of the id sequence while the journal is stopped: the next one fails, which counts as a fault. */
export const STOPPED_ID = 9223372036854775807n;

/**
 * Settings under which keys are printed. The application's session may have others, and the same date would be
 * two items. They are set on the functions when a key column needs them; a reader of the table must set them too.
 */
export const PRINT_SETTINGS: Readonly<Record<string, string>> = {
  DateStyle: 'ISO, MDY',
  TimeZone: 'UTC',
  IntervalStyle: 'postgres',
  extra_float_digits: '1',
  bytea_output: 'hex',
};

/** What the trigger of a statement is attached to, and which transition tables it needs. */
export function triggerClause(statement: CapturedStatement): string {
  switch (statement) {
    case 'insert':
      return `AFTER INSERT ON %s REFERENCING NEW TABLE AS ${NEW_ROWS}`;
    case 'update':
      return `AFTER UPDATE ON %s REFERENCING OLD TABLE AS ${OLD_ROWS} NEW TABLE AS ${NEW_ROWS}`;
    case 'delete':
      return `AFTER DELETE ON %s REFERENCING OLD TABLE AS ${OLD_ROWS}`;
    case 'truncate':
      return 'AFTER TRUNCATE ON %s';
  }
}

/** `CREATE FUNCTION` of one captured statement. */
export function functionSql(flow: Flow, statement: CapturedStatement): string {
  const names = journalNames(flow);
  const write = {
    insert: insertBody,
    update: updateBody,
    delete: deleteBody,
    truncate: truncateBody,
  }[statement](flow);
  const faults = quoteLiteral(qualified(names.schema, names.faults));
  // Names inside transition tables are not dependencies: after a renamed column the program fails at run time, and
  // only the outer handler keeps that from failing the application. The inner one covers a dropped sequence.
  const body = `
DECLARE
  written bigint;
BEGIN
${write}
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  BEGIN
    PERFORM nextval(${faults});
  EXCEPTION WHEN OTHERS THEN
    NULL;
  END;
  RETURN NULL;
END`;
  return `CREATE OR REPLACE FUNCTION ${qualified(names.schema, names.functions[statement])}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '${JOURNAL_LOCK_TIMEOUT}'
AS ${dollarQuote(body)}`;
}

/** `CREATE FUNCTION` of the bound: stops the ids of a journal whose reader is too far behind. */
export function stopWhenFullSql(): string {
  const body = `
DECLARE
  drained bigint;
  allowed bigint;
BEGIN
  SELECT i.drained_id, i.max_rows INTO drained, allowed FROM ${CAPTURE_SCHEMA}.installation i WHERE i.flow = of_flow;
  -- Another epoch: this snapshot is older than the last restart of the ids and knows nothing about the reader.
  IF last_id >> ${EPOCH_BITS} = drained >> ${EPOCH_BITS} AND last_id - drained > allowed THEN
    PERFORM setval(ids, ${STOPPED_ID});
  END IF;
END`;
  return `CREATE OR REPLACE FUNCTION ${CAPTURE_SCHEMA}.stop_when_full(of_flow text, ids regclass, last_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS ${dollarQuote(body)}`;
}

function insertBody(flow: Flow): string {
  return `  INSERT INTO ${target(flow, ['key', 'to_status'])}
  SELECT ${keyText(flow, 'n')}, ${statusText(flow, 'n')}${extras(flow)}
  FROM ${NEW_ROWS} n;
${boundCheck(flow)}`;
}

function deleteBody(flow: Flow): string {
  const names = journalNames(flow);
  return `  INSERT INTO ${qualified(names.schema, names.journal)} (key, from_status)
  SELECT ${keyText(flow, 'o')}, ${statusText(flow, 'o')}
  FROM ${OLD_ROWS} o;
${boundCheck(flow)}`;
}

/**
 * A pair of rows with different keys means several rows, or one whose key changed: then both sides are matched by
 * key, a key without a partner being a delete or an insert. FULL JOIN cannot become a nested loop, which a plan
 * cached from a statement of one row would otherwise be for the next one of a million. Without such a pair there is
 * at most one row on each side, and the plain product is the cheaper way to it.
 */
function updateBody(flow: Flow): string {
  const sameKey = flow.key.map((_, i) => `n.k${i} = o.k${i}`).join(' AND ');
  const differentKey = flow.key
    .map((c) => `o.${quoteIdent(c)}::text COLLATE "C" <> n.${quoteIdent(c)}::text`)
    .join(' OR ');
  const keys = flow.key.map((_, i) => `coalesce(n.k${i}, o.k${i})`);
  const moved = flow.repeats === 'count' && flow.movedAt !== undefined ? flow.movedAt : undefined;
  const again = moved && `n.${quoteIdent(moved)} IS DISTINCT FROM o.${quoteIdent(moved)}`;
  const against = moved && '(n.s IS NOT NULL AND o.s IS NOT NULL AND n.m IS DISTINCT FROM o.m)';
  return `  PERFORM FROM ${OLD_ROWS} o CROSS JOIN ${NEW_ROWS} n WHERE ${differentKey} LIMIT 1;
  IF FOUND THEN
    INSERT INTO ${target(flow, ['key', 'from_status', 'to_status'])}
    SELECT ${joinKey(keys)}, o.s, n.s${matchedExtras(flow)}
    FROM (SELECT ${sideColumns(flow, 'n')} FROM ${NEW_ROWS} n) n
    FULL JOIN (SELECT ${sideColumns(flow, 'o')} FROM ${OLD_ROWS} o) o ON ${sameKey}
    WHERE ${either('n.s IS DISTINCT FROM o.s', against)};
  ELSE
    INSERT INTO ${target(flow, ['key', 'from_status', 'to_status'])}
    SELECT ${keyText(flow, 'n')}, ${statusText(flow, 'o')}, ${statusText(flow, 'n')}${extras(flow)}
    FROM ${OLD_ROWS} o CROSS JOIN ${NEW_ROWS} n
    WHERE ${either(`${statusText(flow, 'o')} COLLATE "C" <> ${statusText(flow, 'n')}`, again)};
  END IF;
${boundCheck(flow)}`;
}

/** A row without statuses and without a key: the whole table was emptied at this moment. */
function truncateBody(flow: Flow): string {
  const names = journalNames(flow);
  return `  INSERT INTO ${qualified(names.schema, names.journal)} (key) VALUES ('');`;
}

/** True once per so many ids, whatever number of rows a statement writes. */
function boundCheck(flow: Flow): string {
  const names = journalNames(flow);
  const ids = `${quoteLiteral(qualified(names.schema, names.ids))}::regclass`;
  return `  GET DIAGNOSTICS written = ROW_COUNT;
  IF written > 0 AND (currval(${ids}) & ${BOUND_CHECK_IDS - 1}) < written THEN
    PERFORM ${CAPTURE_SCHEMA}.stop_when_full(${quoteLiteral(flow.name)}, ${ids}, currval(${ids}));
  END IF;`;
}

function target(flow: Flow, columns: readonly string[]): string {
  const names = journalNames(flow);
  const all = [...columns, ...(flow.reason ? ['reason'] : []), ...(flow.movedAt ? ['at'] : [])];
  return `${qualified(names.schema, names.journal)} (${all.join(', ')})`;
}

function extras(flow: Flow): string {
  const reason = flow.reason ? `, n.${quoteIdent(flow.reason.column)}::text` : '';
  return reason + (flow.movedAt ? `, ${momentOf(`n.${quoteIdent(flow.movedAt)}`)}` : '');
}

function matchedExtras(flow: Flow): string {
  return `${flow.reason ? ', n.r::text' : ''}${flow.movedAt ? `, ${momentOf('n.m')}` : ''}`;
}

/** A column of any time type as a moment, one without a time zone taken as UTC whatever the session's zone is. */
function momentOf(column: string): string {
  return `coalesce(to_timestamp(extract(epoch FROM ${column})::float8), statement_timestamp())`;
}

function sideColumns(flow: Flow, side: 'n' | 'o'): string {
  const columns = flow.key.map((c, i) => `${side}.${quoteIdent(c)}::text COLLATE "C" AS k${i}`);
  columns.push(`${statusText(flow, side)} COLLATE "C" AS s`);
  if (side === 'n' && flow.reason) columns.push(`n.${quoteIdent(flow.reason.column)} AS r`);
  if (flow.movedAt) columns.push(`${side}.${quoteIdent(flow.movedAt)} AS m`);
  return columns.join(', ');
}

function keyText(flow: Flow, side: 'n' | 'o'): string {
  return joinKey(flow.key.map((c) => `${side}.${quoteIdent(c)}::text`));
}

function joinKey(parts: readonly string[]): string {
  return parts.length === 1 ? parts[0]! : `jsonb_build_array(${parts.join(', ')})::text`;
}

function statusText(flow: Flow, side: 'n' | 'o'): string {
  return `coalesce(${side}.${quoteIdent(flow.status)}::text, 'null')`;
}

function either(first: string, second: string | undefined): string {
  return second === undefined ? first : `${first} OR ${second}`;
}
