/** Owns the wishes in the store: made, changed and ended, each in one transaction and by the store's own clock. */
import { createHash } from 'node:crypto';
import type postgres from 'postgres';
import { type Matcher, matchersText } from '../alerts/silence.js';
import { arrayText } from '../storage/array-text.js';
import type { Database } from '../storage/database.js';
import type { EndReason } from './plan.js';
import { BY_CONFIGURATION, type NewWish, type Wish, type WishKind } from './wish.js';

const DEADLINE_MS = 5_000;
const KEEP_DAYS = 90;
const DELETE_ROWS = 1_000;
const PAGE_ROWS = 500;

/**
 * Stores a wish. One of the same kind for the same alerts that has not ended is changed: it gets the new owner, reason
 * and end. Safe to repeat with the same tag.
 */
export async function wantWish(db: Database, wish: NewWish): Promise<Wish> {
  return db.transaction('want maintenance', DEADLINE_MS, {}, async (sql) => {
    const [known] = await read(sql, sql`tag = ${wish.tag}`);
    if (known !== undefined) return known;
    const until = sql`clock_timestamp() + make_interval(secs => ${wish.durationMs / 1000}::float8)`;
    const { channel = null, chat = null, thread = 0 } = wish.chat ?? {};
    // Without an id the next look makes it, or changes the one that Alertmanager has by the tag.
    const [row] = await sql<{ id: string }[]>`
      insert into flowgauge.maintenance_wishes as w (tag, kind, name, matchers, matchers_key, owner, reason, channel,
             chat, thread, starts_at, until)
      values (${wish.tag}, ${wish.kind}, ${wish.name}, ${JSON.stringify(wish.matchers)}::text::jsonb,
              ${keyOf(wish.matchers)}, ${wish.owner}, ${wish.reason}, ${channel}::text, ${chat}::text,
              ${thread}::bigint, clock_timestamp(), ${until})
          on conflict (kind, matchers_key) where kind <> 'window' and ended_at is null and cancelled_by is null
          do update set owner = excluded.owner, reason = excluded.reason, until = excluded.until, silence_id = null,
                        channel = excluded.channel, chat = excluded.chat, thread = excluded.thread,
                        absent_since = null
      returning id::text`;
    const [stored] = await read(sql, sql`id = ${row!.id}::text::bigint`);
    return stored!;
  });
}

/**
 * An occurrence of a window, from its own start to its own end. One that a person ended early stays ended, whatever its
 * labels are now; one that the configuration had dropped is on again.
 */
export async function wantOccurrence(
  db: Database,
  wish: Pick<NewWish, 'tag' | 'name' | 'matchers'> & {
    readonly startsAtMs: number;
    readonly untilMs: number;
  },
): Promise<void> {
  const { tag, name, matchers, startsAtMs, untilMs } = wish;
  const byAlertmanager: EndReason = 'in Alertmanager';
  await db.run('want maintenance window', DEADLINE_MS, async (sql) => {
    const startsAt = sql`to_timestamp(${startsAtMs}::float8 / 1000.0)`;
    await sql`
      insert into flowgauge.maintenance_wishes as w (tag, kind, name, matchers, matchers_key, owner, reason, starts_at, until)
      select ${tag}::text, 'window', ${name}::text, ${JSON.stringify(matchers)}::text::jsonb, ${keyOf(matchers)}::text,
             'flowgauge', '', ${startsAt}, to_timestamp(${untilMs}::float8 / 1000.0)
       where not exists (
               select from flowgauge.maintenance_wishes ended
                where ended.kind = 'window' and ended.name = ${name}::text and ended.starts_at = ${startsAt}
                  and (ended.cancelled_by <> ${BY_CONFIGURATION}::text or ended.end_reason = ${byAlertmanager}::text))
          on conflict (tag) do update
         set until = excluded.until, silence_id = null, cancelled_by = null, ended_at = null, end_reason = null,
             announced_at = case when w.ended_at is null then w.announced_at end
       where w.cancelled_by = ${BY_CONFIGURATION}::text
          or (w.until <> excluded.until and w.ended_at is null and w.cancelled_by is null)`;
  });
}

/** The store's clock, which decides when something begins and ends; milliseconds since the epoch. */
export async function storeNowMs(db: Database): Promise<number> {
  return db.run('read clock', DEADLINE_MS, async (sql) => {
    const [row] = await sql<{ now_ms: number }[]>`
      select (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms`;
    return row!.now_ms;
  });
}

/** Every wish that has not ended, the oldest first. */
export async function openWishes(db: Database): Promise<readonly Wish[]> {
  return db.run('read maintenance', DEADLINE_MS, (sql) => read(sql, sql`ended_at is null`));
}

/** Those of these wishes that have not ended, the oldest first. */
export async function openWishesOf(db: Database, ids: readonly string[]): Promise<readonly Wish[]> {
  return db.run('read maintenance', DEADLINE_MS, (sql) =>
    read(sql, sql`ended_at is null and id = any(${arrayText(ids)}::text::bigint[])`),
  );
}

/** One wish that has not ended; undefined when it has. */
export async function openWish(db: Database, id: string): Promise<Wish | undefined> {
  const [found] = await db.run('read maintenance', DEADLINE_MS, (sql) =>
    read(sql, sql`ended_at is null and id = ${id}::text::bigint`),
  );
  return found;
}

/**
 * Wishes that ended before the end that Alertmanager was told, or may have been: with an old memory it may come up again
 * and hold them, and a request that nobody confirmed may be carried out late.
 */
export async function endedEarly(db: Database): Promise<readonly Wish[]> {
  return db.run('read ended maintenance', DEADLINE_MS, (sql) =>
    read(sql, sql`ended_at is not null and greatest(until, held_until) > clock_timestamp()`),
  );
}

/** Wishes that ended within the last `withinMs`. */
export async function endedLately(db: Database, withinMs: number): Promise<readonly Wish[]> {
  return db.run('read ended maintenance', DEADLINE_MS, (sql) =>
    read(sql, sql`ended_at > clock_timestamp() - make_interval(secs => ${withinMs / 1000}::float8)`),
  );
}

/** Ends wishes before their time; answers how many. The silences follow, and only then are they over. */
export async function cancelWishes(
  db: Database,
  which: { readonly kinds: readonly WishKind[]; readonly ids?: readonly string[] },
  by: string,
): Promise<number> {
  return db.run('end maintenance', DEADLINE_MS, async (sql) => {
    const rows = await sql`
      update flowgauge.maintenance_wishes set cancelled_by = ${by}
       where ended_at is null and cancelled_by is null and kind = any(${arrayText(which.kinds)}::text::text[])
         and (${which.ids === undefined}::boolean or id::text = any(${arrayText(which.ids ?? [])}::text::text[]))
       returning id`;
    return rows.length;
  });
}

/** Notes that Alertmanager has the wish as it is, unless it was changed meanwhile. */
export async function noteHeld(db: Database, wish: Wish, silenceId: string): Promise<void> {
  await db.run('note maintenance', DEADLINE_MS, async (sql) => {
    await sql`
      update flowgauge.maintenance_wishes
         set held_until = greatest(held_until, to_timestamp(${wish.untilMs}::float8 / 1000.0)),
             silence_id = case when abs(extract(epoch from until) * 1000 - ${wish.untilMs}::float8) < 1
                               then ${silenceId} else silence_id end
       where id = ${wish.id}::text::bigint`;
  });
}

/** Notes that its beginning was told. */
export async function noteAnnounced(db: Database, id: string): Promise<void> {
  await db.run('note maintenance', DEADLINE_MS, async (sql) => {
    await sql`update flowgauge.maintenance_wishes set announced_at = clock_timestamp() where id = ${id}::text::bigint`;
  });
}

/** Notes since when none of its alerts is active, or that one is again. */
export async function noteAbsence(db: Database, id: string, state: 'absent' | 'present'): Promise<void> {
  await db.run('note maintenance', DEADLINE_MS, async (sql) => {
    const since = state === 'absent' ? sql`coalesce(absent_since, clock_timestamp())` : sql`null`;
    await sql`update flowgauge.maintenance_wishes set absent_since = ${since} where id = ${id}::text::bigint`;
  });
}

/** Notes that a wish is over, unless it was given another end or is wanted again meanwhile. */
export async function noteOver(
  db: Database,
  { id, untilMs, cancelledBy }: Wish,
  reason: EndReason,
): Promise<void> {
  await db.run('note maintenance', DEADLINE_MS, async (sql) => {
    await sql`
      update flowgauge.maintenance_wishes set ended_at = clock_timestamp(), end_reason = ${reason}
       where id = ${id}::text::bigint and ended_at is null
         and (${cancelledBy === undefined}::boolean or cancelled_by is not null)
         and abs(extract(epoch from until) * 1000 - ${untilMs}::float8) < 1`;
  });
}

/** Deletes a bounded part of what ended long ago. */
export async function forgetWishes(db: Database): Promise<void> {
  await db.run('forget old maintenance', DEADLINE_MS, async (sql) => {
    await sql`delete from flowgauge.maintenance_wishes where id in (
      select id from flowgauge.maintenance_wishes
       where ended_at < clock_timestamp() - make_interval(days => ${KEEP_DAYS}::int) limit ${DELETE_ROWS}::int)`;
  });
}

/** The same for the same conditions in whatever order. */
function keyOf(matchers: readonly Matcher[]): string {
  const texts = matchers.map((one) => matchersText([one])).sort();
  return createHash('sha256').update(texts.join('\n')).digest('hex');
}

interface WishRow {
  readonly id: string;
  readonly tag: string;
  readonly kind: WishKind;
  readonly name: string;
  readonly matchers: readonly Matcher[];
  readonly owner: string;
  readonly reason: string;
  readonly channel: string | null;
  readonly chat: string | null;
  readonly thread: string;
  readonly starts_ms: number;
  readonly until_ms: number;
  readonly silence_id: string | null;
  readonly announced: boolean;
  readonly absent_ms: number | null;
  readonly cancelled_by: string | null;
  readonly now_ms: number;
}

async function read(
  sql: postgres.Sql,
  which: postgres.PendingQuery<postgres.Row[]>,
): Promise<readonly Wish[]> {
  const rows: WishRow[] = [];
  // To the last page: a wish that is not read is neither made nor ended. By w.id, as id alone is the text: 1, 10, 2.
  for (let page = PAGE_ROWS; page === PAGE_ROWS; ) {
    const more = await sql<WishRow[]>`
      select id::text, tag, kind, name, matchers, owner, reason, channel, chat, thread::text,
             (extract(epoch from starts_at) * 1000)::float8 as starts_ms,
             (extract(epoch from until) * 1000)::float8 as until_ms, silence_id, announced_at is not null as announced,
             (extract(epoch from absent_since) * 1000)::float8 as absent_ms, cancelled_by,
             (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms
        from flowgauge.maintenance_wishes w where ${which} and w.id > ${rows.at(-1)?.id ?? '0'}::text::bigint
       order by w.id limit ${PAGE_ROWS}::int`;
    rows.push(...more);
    page = more.length;
  }
  return rows.map((row) => ({
    id: row.id,
    tag: row.tag,
    kind: row.kind,
    name: row.name,
    matchers: row.matchers,
    owner: row.owner,
    reason: row.reason,
    chat:
      row.channel === null || row.chat === null
        ? undefined
        : { channel: row.channel, chat: row.chat, thread: Number(row.thread) },
    startsAtMs: row.starts_ms,
    untilMs: row.until_ms,
    silenceId: row.silence_id ?? undefined,
    isAnnounced: row.announced,
    absentSinceMs: row.absent_ms ?? undefined,
    cancelledBy: row.cancelled_by ?? undefined,
    nowMs: row.now_ms,
  }));
}
