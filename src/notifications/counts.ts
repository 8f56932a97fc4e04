/** Owns the questions about the outbox as a whole: how much waits, was sent, is dead, and which alerts are known. */
import type { Database } from '../storage/database.js';

const DEADLINE_MS = 5_000;

/** One channel's messages by state, and when the longest-waiting one was queued, in seconds since the epoch. */
export interface OutboxCounts {
  readonly channel: string;
  readonly messages: Readonly<Record<'queued' | 'sending' | 'sent' | 'dead', number>>;
  readonly oldestQueuedSeconds: number | undefined;
}

/** The counts of these channels; one without messages has zeros. */
export async function countOutbox(
  db: Database,
  channels: readonly string[],
): Promise<readonly OutboxCounts[]> {
  return db.run('count messages', DEADLINE_MS, async (sql) => {
    const rows = await sql<
      { channel: string; state: keyof OutboxCounts['messages']; n: string; oldest: number | null }[]
    >`
      select channel, state, count(*)::text as n,
             extract(epoch from min(queued_at) filter (where state in ('queued', 'sending')))::float8 as oldest
        from flowgauge.notification_messages group by channel, state`;
    return channels.map((channel) => {
      const own = rows.filter((row) => row.channel === channel);
      const oldest = own.flatMap((row) => row.oldest ?? []);
      const messages = { queued: 0, sending: 0, sent: 0, dead: 0 };
      for (const { state, n } of own) messages[state] = Number(n);
      return {
        channel,
        messages,
        oldestQueuedSeconds: oldest.length === 0 ? undefined : Math.min(...oldest),
      };
    });
  });
}

/** Names of the alerts that the store knows, at most 500. */
export async function knownAlerts(db: Database): Promise<readonly string[]> {
  return db.run('known alerts', DEADLINE_MS, async (sql) => {
    const rows = await sql<{ alertname: string }[]>`
      select distinct alertname from flowgauge.alert_events order by 1 limit 500`;
    return rows.map(({ alertname }) => alertname);
  });
}
