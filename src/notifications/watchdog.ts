/** Owns the sign of life: when it last came, who says that it stopped, and the call outside once a chat has it. */
import { severities } from '../alerts/alert.js';
import type { Database } from '../storage/database.js';
import { ensureChat } from './intake.js';
import type { Target } from './target.js';

const DEADLINE_MS = 5_000;
const PING_DEADLINE_MS = 5_000;

/** Queues a message of our own words: `title` is bold, `body` follows. One of the same key that waits is replaced. */
export async function queueNotice(
  db: Database,
  target: Target,
  notice: {
    readonly key: string;
    readonly title: string;
    readonly body: string;
    readonly rank: number;
    readonly ttlMs: number;
  },
): Promise<void> {
  await db.transaction('queue notice', DEADLINE_MS, {}, async (sql) => {
    const { channel, chat, thread } = target;
    await ensureChat(sql, target);
    await sql`
      insert into flowgauge.notification_messages (channel, chat, thread, kind, group_key, rank, body, expires_at)
      values (${channel}, ${chat}, ${thread}::bigint, 'notice', ${notice.key}, ${notice.rank}::int,
              ${`${notice.title}\n${notice.body}`},
              clock_timestamp() + make_interval(secs => ${notice.ttlMs / 1000}::float8))
          on conflict (channel, chat, thread, kind, group_key) where state = 'queued' and parts is null
          do update set body = excluded.body, rank = excluded.rank, expires_at = excluded.expires_at`;
  });
}

/** What became of a look at the sign of life. */
export type WatchdogNews = 'nothing new' | 'went silent' | 'came back';

/**
 * Tells the chats, once, that the sign of life has stopped, and once that it is back; several processes may ask.
 * Before the first sign nothing is said: nobody has set it up yet.
 */
export async function judgeWatchdog(
  db: Database,
  options: {
    readonly name: string;
    readonly patienceMs: number;
    readonly targets: readonly Target[];
    readonly ttlMs: number;
  },
): Promise<WatchdogNews> {
  const { name, patienceMs, targets, ttlMs } = options;
  const news = await db.run('judge watchdog', DEADLINE_MS, async (sql): Promise<WatchdogNews> => {
    const patience = sql`make_interval(secs => ${patienceMs / 1000}::float8)`;
    const silent = await sql`
      update flowgauge.notification_watchdog set told_at = clock_timestamp()
       where name = ${name} and told_at is null and last_at < clock_timestamp() - ${patience} returning name`;
    if (silent.length > 0) return 'went silent';
    const back = await sql`
      update flowgauge.notification_watchdog set told_at = null
       where name = ${name} and told_at is not null and last_at > told_at returning name`;
    return back.length > 0 ? 'came back' : 'nothing new';
  });
  if (news === 'nothing new') return news;
  const isSilent = news === 'went silent';
  const minutes = Math.max(1, Math.round(patienceMs / 60_000));
  const title = isSilent ? '🔴 No sign of life from the alerts' : '🟢 Signs of life are back';
  const body = isSilent
    ? `The alert ${name} has not arrived for ${minutes} min. Until it does, no alert can be trusted to arrive: look at Prometheus, Alertmanager and the way between them and Flowgauge.`
    : `The alert ${name} arrives again. Look for what happened while it did not.`;
  const rank = severities.indexOf(isSilent ? 'critical' : 'warning');
  for (const target of targets)
    await queueNotice(db, target, { key: 'watchdog silence', title, body, rank, ttlMs });
  return news;
}

/** The moment of the last sign of life, in seconds since the epoch; undefined before the first. */
export async function lastSign(db: Database, name: string): Promise<number | undefined> {
  return db.run('read watchdog', DEADLINE_MS, async (sql) => {
    const [row] = await sql<{ at: number | null }[]>`
      select extract(epoch from last_at)::float8 as at from flowgauge.notification_watchdog where name = ${name}`;
    return row?.at ?? undefined;
  });
}

/** Asks the address outside, which pages somebody when it is not asked any more. Resolves with what went wrong, without the address. */
export async function ping(url: string, signal?: AbortSignal): Promise<string | undefined> {
  const deadline = AbortSignal.timeout(PING_DEADLINE_MS);
  try {
    const answer = await fetch(url, {
      redirect: 'manual',
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    });
    await answer.body?.cancel();
    return answer.ok ? undefined : `answered ${answer.status}`;
  } catch (error) {
    // The error of a bad address holds the address, and such an address is a password.
    const cause = error instanceof Error ? (error.cause as { code?: unknown } | undefined) : undefined;
    return typeof cause?.code === 'string' ? cause.code : 'no answer';
  }
}
