/** Owns how names and values become SQL text, and what the parts of a flow's journal are called. */
import type { Flow } from '../flows/flow.js';

/** Schema in the source that holds everything of ours. */
export const CAPTURE_SCHEMA = 'flowgauge_capture';

/** The statements that are captured, in the order in which their triggers are made. */
export const CAPTURED_STATEMENTS = ['insert', 'update', 'delete', 'truncate'] as const;
export type CapturedStatement = (typeof CAPTURED_STATEMENTS)[number];

/** Raw (unquoted) names of a flow's parts. A trigger is called like its function. */
export interface JournalNames {
  readonly schema: string;
  readonly journal: string;
  /** Sequence of the journal's ids. */
  readonly ids: string;
  /** Sequence that counts captures which failed inside the application's statement. */
  readonly faults: string;
  readonly functions: Readonly<Record<CapturedStatement, string>>;
}

/** Longest flow name, in bytes, whose parts PostgreSQL does not cut: it would cut two flows to one name. */
const MAX_FLOW_NAME_BYTES = 63 - 'flowgauge__truncate'.length;

/** Names of a flow's parts. Throws RangeError for a flow name that is empty or longer than 44 bytes. */
export function journalNames(flow: Pick<Flow, 'name'>): JournalNames {
  const bytes = Buffer.byteLength(flow.name);
  if (bytes === 0 || bytes > MAX_FLOW_NAME_BYTES) {
    throw new RangeError(
      `The flow name ${JSON.stringify(flow.name)} has ${bytes} bytes; use 1 to ${MAX_FLOW_NAME_BYTES}.`,
    );
  }
  return {
    schema: CAPTURE_SCHEMA,
    journal: `${flow.name}_journal`,
    ids: `${flow.name}_journal_id`,
    faults: `${flow.name}_faults`,
    functions: {
      insert: `flowgauge_${flow.name}_insert`,
      update: `flowgauge_${flow.name}_update`,
      delete: `flowgauge_${flow.name}_delete`,
      truncate: `flowgauge_${flow.name}_truncate`,
    },
  };
}

/** A raw name as an SQL identifier. Throws RangeError for a name PostgreSQL cannot hold (empty, or with a NUL). */
export function quoteIdent(name: string): string {
  if (name === '' || name.includes('\0')) {
    throw new RangeError(
      `${JSON.stringify(name)} cannot be a name in PostgreSQL; write the name it really has.`,
    );
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as an SQL literal, under either setting of `standard_conforming_strings`. Throws RangeError for a NUL. */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) {
    throw new RangeError('A text with a NUL byte cannot be stored in PostgreSQL; remove the byte.');
  }
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** `"schema"."name"`. */
export function qualified(schema: string, name: string): string {
  return `${quoteIdent(schema)}.${quoteIdent(name)}`;
}

/** A program text between dollar quotes whose tag does not occur in it: a name could hold the usual tag. */
export function dollarQuote(text: string): string {
  let tag = '$flowgauge$';
  // Looking for the first end also covers a text that ends with the beginning of the tag.
  for (let n = 1; `${text}${tag}`.indexOf(tag) < text.length; n += 1) tag = `$flowgauge${n}$`;
  return `${tag}${text}${tag}`;
}
