/** Owns the reading of an event log: a CSV file whose rows say which item took which status when. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** Names of the CSV columns, as the file's first row spells them. */
export interface LogColumns {
  readonly item: string;
  readonly status: string;
  readonly time: string;
}

/** One row of the log. `timeUs` counts microseconds since the epoch. */
export interface LogEvent {
  readonly item: string;
  readonly status: string;
  readonly timeUs: number;
}

export interface EventLog {
  /** In the order of time; rows of the same time stay in the order of the file. */
  readonly events: readonly LogEvent[];
  /** Every status that occurs, sorted. */
  readonly statuses: readonly string[];
  /** Belongs to the file's bytes and the chosen columns; another log has another digest. */
  readonly digest: string;
}

/** Rows beyond which a log is refused: all events are sorted in memory, at about 150 bytes each. */
export const MAX_EVENTS = 5_000_000;
const PROBLEMS_TOLD = 20;

/** The file cannot be replayed as it is; `problems` names up to 20 places with line number and remedy. */
export class EventLogError extends Error {
  readonly code = 'EVENT_LOG_INVALID';
  readonly problems: readonly string[];

  constructor(file: string, problems: readonly string[]) {
    super(`${file} cannot be replayed:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** One CSV record and the line on which it starts, counted from 1. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

/**
 * Reads the whole log and puts it in order. Nothing is left out: one row that cannot be understood refuses
 * the file. @throws EventLogError with every problem (up to 20), or the file system's error.
 */
export async function readEventLog(file: string, columns: LogColumns): Promise<EventLog> {
  const digest = createHash('sha256').update(JSON.stringify([columns.item, columns.status, columns.time]));
  const problems: string[] = [];
  const events: LogEvent[] = [];
  // One string object per distinct status and item, not one per row.
  const interned = new Map<string, string>();
  const statuses = new Set<string>();
  let places: { item: number; status: number; time: number; width: number } | undefined;

  try {
    for await (const record of csvRecords(textOf(file, digest))) {
      if (places === undefined) {
        places = placesOf(file, record.fields, columns);
        continue;
      }
      const event = eventOf(record, places, columns);
      if (typeof event === 'string') problems.push(`line ${record.line}: ${event}`);
      else {
        const status = intern(interned, event.status);
        statuses.add(status);
        events.push({ item: intern(interned, event.item), status, timeUs: event.timeUs });
      }
      if (events.length > MAX_EVENTS) problems.push(`more than ${MAX_EVENTS} events; split the file`);
      if (problems.length >= PROBLEMS_TOLD || events.length > MAX_EVENTS) break;
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    problems.push(error.message);
  }
  if (problems.length > 0) throw new EventLogError(file, problems);
  if (events.length === 0)
    throw new EventLogError(file, ['the file holds no event; check that it is not empty']);
  // Stable by the standard, which keeps rows of one time in the order of the file.
  events.sort((a, b) => a.timeUs - b.timeUs);
  return { events, statuses: [...statuses].sort(), digest: digest.digest('hex') };
}

/** A place where the text is no CSV; the message names the line. */
export class CsvError extends Error {
  readonly code = 'CSV_INVALID';
}

/** Splits text that comes in pieces into records (RFC 4180; LF, CRLF and a byte order mark are all fine). */
export async function* csvRecords(pieces: AsyncIterable<string>): AsyncGenerator<CsvRecord> {
  let fields: string[] = [];
  let field = '';
  let state: 'start' | 'plain' | 'quoted' | 'after-quote' = 'start';
  let line = 1;
  let startLine = 1;
  let first = true;

  for await (const piece of pieces) {
    for (const char of first && piece.startsWith('\uFEFF') ? piece.slice(1) : piece) {
      first = false;
      if (char === '\n') line += 1;
      if (state === 'quoted') {
        if (char === '"') state = 'after-quote';
        else field += char;
        continue;
      }
      if (state === 'after-quote' && char === '"') {
        field += '"';
        state = 'quoted';
        continue;
      }
      if (char === ',' || char === '\n') {
        // The carriage return of a CRLF ends up at the end of a plain field, or after the closing quote.
        fields.push(state === 'plain' && char === '\n' && field.endsWith('\r') ? field.slice(0, -1) : field);
        field = '';
        state = 'start';
        if (char === ',') continue;
        if (fields.length > 1 || fields[0] !== '') yield { line: startLine, fields };
        fields = [];
        startLine = line;
        continue;
      }
      if (state === 'after-quote') {
        if (char === '\r') continue;
        throw new CsvError(
          `line ${line}: text after a closing quote; double the quotes inside a quoted field`,
        );
      }
      if (char === '"') {
        if (state === 'start') {
          state = 'quoted';
          continue;
        }
        throw new CsvError(`line ${line}: a quote inside a plain field; put the whole field in quotes`);
      }
      field += char;
      state = 'plain';
    }
  }
  if (state === 'quoted') throw new CsvError(`line ${startLine}: a quoted field of this row is never closed`);
  fields.push(field.endsWith('\r') && state === 'plain' ? field.slice(0, -1) : field);
  if (fields.length > 1 || fields[0] !== '') yield { line: startLine, fields };
}

const TIME = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(\.\d{1,9})?\s?(Z|[+-]\d\d(?::?\d\d)?)?$/;

/**
 * Microseconds since the epoch of `YYYY-MM-DD HH:MM:SS` or ISO 8601 text, UTC where it names no zone;
 * undefined when it is neither. Digits beyond microseconds are rounded, as PostgreSQL does.
 */
export function parseTimeUs(text: string): number | undefined {
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const midnight = new Date(Date.UTC(year, month - 1, day));
  // Date.UTC takes 30 February for 1 March.
  if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) return undefined;
  const offset = offsetMinutes(match[8]);
  if (offset === undefined) return undefined;
  const seconds = midnight.getTime() / 1000 + hour * 3600 + (minute - offset) * 60 + second;
  return seconds * 1e6 + Math.round(Number(match[7] ?? 0) * 1e6);
}

function offsetMinutes(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === 'Z') return 0;
  const digits = zone.slice(1).replace(':', '');
  const hours = Number(digits.slice(0, 2));
  const minutes = Number(digits.slice(2) || 0);
  if (hours > 15 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

function placesOf(file: string, header: readonly string[], columns: LogColumns) {
  const problems: string[] = [];
  const place = (name: string) => {
    const at = header.indexOf(name);
    if (at < 0) problems.push(`line 1: there is no column "${name}"; the file has ${header.join(', ')}`);
    if (at !== header.lastIndexOf(name)) problems.push(`line 1: column "${name}" occurs twice; rename one`);
    return at;
  };
  const places = { item: place(columns.item), status: place(columns.status), time: place(columns.time) };
  if (problems.length > 0) throw new EventLogError(file, problems);
  return { ...places, width: header.length };
}

function eventOf(
  record: CsvRecord,
  places: { item: number; status: number; time: number; width: number },
  columns: LogColumns,
): LogEvent | string {
  if (record.fields.length !== places.width) {
    return `${record.fields.length} fields where the first row has ${places.width}; add or quote what is missing`;
  }
  const item = record.fields[places.item]!;
  const status = record.fields[places.status]!;
  const time = record.fields[places.time]!;
  if (item === '') return `${columns.item} is empty; every event needs its item`;
  if (status === '') return `${columns.status} is empty; every event needs its status`;
  if (item.includes('\0') || status.includes('\0'))
    return 'a NUL character, which PostgreSQL cannot store; remove it';
  const timeUs = parseTimeUs(time);
  if (timeUs === undefined) {
    return `${columns.time} is ${JSON.stringify(time.slice(0, 60))}; write YYYY-MM-DD HH:MM:SS (UTC) or ISO 8601`;
  }
  return { item, status, timeUs };
}

function intern(known: Map<string, string>, text: string): string {
  const same = known.get(text);
  if (same !== undefined) return same;
  known.set(text, text);
  return text;
}

async function* textOf(file: string, digest: { update(bytes: Uint8Array): unknown }): AsyncGenerator<string> {
  // Replacing bad bytes silently could make two items one.
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let bytes = 0;
  try {
    for await (const piece of createReadStream(file)) {
      digest.update(piece as Buffer);
      yield decoder.decode(piece as Buffer, { stream: true });
      bytes += (piece as Buffer).length;
    }
    yield decoder.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CsvError(
      `after byte ${bytes}: the text is not UTF-8; convert the file, for example with iconv`,
    );
  }
}
