/** Owns which names a configuration may use: flows, statuses, moves, and identifiers of the database. */
import { NONE, OTHER } from '../flows/flow.js';
import { bad, good, type Parsed } from './problem.js';

/** Label values that have a meaning of their own, so no status and no reason may be called so. */
export const RESERVED_LABELS = [NONE, OTHER, 'overflow'] as const;

/** Bytes PostgreSQL keeps of an identifier; it cuts longer ones without an error. */
const IDENTIFIER_BYTES = 63;
const LABEL_CHARACTERS = 128;
const FLOW_NAME = /^[a-z][a-z0-9_]{0,39}$/;
const CONTROL_OR_BROKEN = /[\p{Cc}\p{Surrogate}\u2028\u2029]/u;

/** A table by its raw names: what stands in the catalog, without quotes. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** A flow's name: it becomes the label `flow`. */
export function parseFlowName(text: string): Parsed<string> {
  if (FLOW_NAME.test(text)) return good(text);
  return bad(
    'is not a flow name',
    'Use 1 to 40 lower-case letters, digits and underscores, beginning with a letter',
  );
}

/** One identifier exactly as the catalog has it (case counts, no quotes). */
export function parseIdentifier(raw: unknown): Parsed<string> {
  if (typeof raw !== 'string') return bad('is not text', 'Write the name in quotes');
  if (raw === '') return bad('is empty', 'Write the name as it stands in the database');
  if (raw.includes('\0')) return bad('contains a NUL byte', 'PostgreSQL has no such name; remove it');
  if (/\p{Surrogate}/u.test(raw)) return bad('is not valid Unicode', 'Write the name in UTF-8');
  if (Buffer.byteLength(raw) <= IDENTIFIER_BYTES) return good(raw);
  return bad(
    `is longer than ${IDENTIFIER_BYTES} bytes`,
    'PostgreSQL cuts names there; write the name it really has',
  );
}

/** `schema.table`; awkward names come as a map instead, so that no quoting rules have to be guessed. */
export function parseTableText(text: string): Parsed<TableName> {
  const awkward = 'For names with dots or quotes write {schema: "…", name: "…"}';
  if (text.includes('"')) return bad('contains a quote', awkward);
  const [schema, name, ...more] = text.split('.');
  if (more.length > 0) return bad('has more than one dot', awkward);
  // A bare name would follow search_path, and the exporter's role may have another one than the application.
  if (name === undefined)
    return bad('names no schema', `Write schema.table, for example public.${text || 'tokens'}`);
  for (const part of [schema, name]) {
    const parsed = parseIdentifier(part);
    if (!parsed.ok) return bad(`has a part that ${parsed.what}`, parsed.remedy);
    if (part !== part?.trim()) return bad('has a blank beside the dot', awkward);
  }
  return good({ schema: schema!, name });
}

/** A status or reason that becomes a label value, exactly as the column has it. */
export function parseLabelValue(raw: unknown): Parsed<string> {
  if (typeof raw !== 'string') return bad('is not text', 'Write the value in quotes, as the column has it');
  if (raw === '') return bad('is empty', 'Prometheus treats an empty label as absent; remove it');
  if (CONTROL_OR_BROKEN.test(raw)) {
    return bad('contains a control character', 'Remove it; such a value is counted as other');
  }
  if (raw !== raw.trim()) return bad('begins or ends with a blank', 'Remove the blank');
  if ([...raw].length > LABEL_CHARACTERS) {
    return bad(`is longer than ${LABEL_CHARACTERS} characters`, 'Leave it out; it is then counted as other');
  }
  if (!RESERVED_LABELS.some((reserved) => reserved === raw)) return good(raw);
  return bad(
    'is reserved',
    `${RESERVED_LABELS.join(', ')} stand for "not in the table", "not declared" and "beyond the series budget"; ` +
      'leave it out (it is then counted as other) or rename the value in the database',
  );
}

/** A status; the sign `>` is kept for moves. */
export function parseStatus(raw: unknown): Parsed<string> {
  if (typeof raw === 'string' && raw.includes('>')) {
    return bad(
      'contains ">"',
      'That sign separates the two sides of a move; leave the status out or rename it',
    );
  }
  return parseLabelValue(raw);
}

/** A move `from>to`, blanks around the sign allowed; `none` is "not in the table". */
export function parseMove(raw: unknown): Parsed<string> {
  const example = 'Write from>to, for example new>active';
  if (typeof raw !== 'string') return bad('is not text', example);
  const sides = raw.split('>').map((side) => side.trim());
  if (sides.length !== 2) return bad('is not a move', example);
  const [from, to] = sides as [string, string];
  if (from === NONE && to === NONE) return bad('moves from nowhere to nowhere', example);
  for (const side of [from, to]) {
    if (side === NONE) continue;
    const parsed = parseStatus(side);
    if (!parsed.ok) return bad(`has a side that ${parsed.what}`, parsed.remedy);
  }
  return good(`${from}>${to}`);
}
