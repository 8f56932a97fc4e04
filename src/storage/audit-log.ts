/** Owns the record of administration in the store, and the keys by which a repeated call is known. */
import type { Database } from './database.js';

const DEADLINE_MS = 5_000;
const KEEP_DAYS = 365;
const DELETE_ROWS = 1_000;

/** One line of the record. */
export interface AuditEntry {
  readonly caller: string;
  /** Address of the other side of the socket. */
  readonly remote: string;
  readonly method: string;
  readonly route: string;
  readonly phase: 'denied' | 'begun' | 'done' | 'failed';
  /** The caller's own words. */
  readonly reason: string | undefined;
  readonly requestId: string | undefined;
  readonly key: string | undefined;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** What became of a key: it is new, its first call was answered, is under way or unknown, or asked for something else. */
export type KeyClaim =
  | { readonly kind: 'new' | 'open' | 'other' }
  | { readonly kind: 'answered'; readonly answer: unknown };

/** Appends a line. */
export async function appendAudit(db: Database, entry: AuditEntry): Promise<void> {
  await db.run('append to the record of administration', DEADLINE_MS, async (sql) => {
    await sql`
      insert into flowgauge.admin_audit (caller, remote, method, route, phase, reason, request_id, idempotency_key, detail)
      values (${entry.caller}, ${entry.remote}, ${entry.method}, ${entry.route}, ${entry.phase}, ${entry.reason ?? null},
              ${entry.requestId ?? null}, ${entry.key ?? null}, ${JSON.stringify(entry.detail)}::text::jsonb)`;
  });
}

/** Takes a key for a request; of any number at once exactly one gets `new`. */
export async function claimKey(
  db: Database,
  caller: string,
  key: string,
  request: string,
): Promise<KeyClaim> {
  return db.run('claim an idempotency key', DEADLINE_MS, async (sql) => {
    const made = await sql`
      insert into flowgauge.admin_keys (caller, key, request) values (${caller}, ${key}, ${request})
      on conflict do nothing returning key`;
    if (made.length > 0) return { kind: 'new' };
    const [row] = await sql<{ request: string; answer: string | null }[]>`
      select request, answer::text as answer from flowgauge.admin_keys where caller = ${caller} and key = ${key}`;
    if (row === undefined || row.request !== request) return { kind: 'other' };
    return row.answer === null ? { kind: 'open' } : { kind: 'answered', answer: JSON.parse(row.answer) };
  });
}

/** Keeps the answer for whoever asks with the key again. */
export async function keepAnswer(db: Database, caller: string, key: string, answer: unknown): Promise<void> {
  await db.run('keep an answer', DEADLINE_MS, async (sql) => {
    await sql`update flowgauge.admin_keys set answer = ${JSON.stringify(answer)}::text::jsonb
               where caller = ${caller} and key = ${key}`;
  });
}

/** Deletes a bounded part of what is too old: lines of the record after a year, keys after a day. */
export async function forgetAudit(db: Database): Promise<void> {
  await db.run('forget old administration', DEADLINE_MS, async (sql) => {
    await sql`delete from flowgauge.admin_keys where at < clock_timestamp() - interval '24 hours'`;
    await sql`delete from flowgauge.admin_audit where id in (
      select id from flowgauge.admin_audit where at < clock_timestamp() - make_interval(days => ${KEEP_DAYS}::int)
       order by at limit ${DELETE_ROWS}::int)`;
  });
}
