/** Owns the memory of what people did: which updates were read, and the audit of every action, refused ones too. */
import type { Database } from '../storage/database.js';
import type { Answer } from './chat-answers.js';
import type { ChatRequest } from './chat-request.js';

const DEADLINE_MS = 5_000;
/** Rows of the audit at most: whoever finds the bot can write to it, and must not fill the store. */
const MOST_ROWS = 20_000;
const DELETE_ROWS = 2_000;

/** How an action ended. `pending`: it is wanted and stored, and Alertmanager does not know yet. */
export type ActionOutcome = 'done' | 'pending' | 'refused' | 'failed';

/** What there is to say of an action that has ended. */
export interface ActionEnd {
  readonly outcome: ActionOutcome;
  /** One short line: for the audit, and at the top of the screen after a button. */
  readonly detail: string;
  /** A message into the chat; undefined for none. */
  readonly answer?: Answer | undefined;
}

/**
 * The first update that is not read yet; undefined when that is unknown. After a week without updates Telegram may
 * begin with other numbers, and an old number would hide them for ever.
 */
export async function nextUpdate(db: Database, bot: string): Promise<number | undefined> {
  return db.run('read chat offset', DEADLINE_MS, async (sql) => {
    const [row] = await sql<{ next: string }[]>`
      select next_update::text as next from flowgauge.chat_updates
       where bot = ${bot} and stored_at > clock_timestamp() - interval '5 days'`;
    return row === undefined ? undefined : Number(row.next);
  });
}

/** Notes that every update before `next` is done with. */
export async function storeNextUpdate(db: Database, bot: string, next: number): Promise<void> {
  await db.run('store chat offset', DEADLINE_MS, async (sql) => {
    await sql`
      insert into flowgauge.chat_updates (bot, next_update) values (${bot}, ${String(next)}::text::bigint)
          on conflict (bot) do update set next_update = excluded.next_update, stored_at = clock_timestamp()`;
  });
}

/** Begins the row of an action. False when it has ended already: then nothing may be done again. */
export async function beginAction(db: Database, bot: string, request: ChatRequest): Promise<boolean> {
  const { updateId, from, wish } = request;
  return db.run('begin chat action', DEADLINE_MS, async (sql) => {
    const rows = await sql`
      insert into flowgauge.chat_actions as a (bot, update_id, chat, user_id, user_name, action, subject)
      values (${bot}, ${String(updateId)}::text::bigint, ${from.chat}, ${from.userId}, ${from.userName}, ${wish.kind},
              ${subjectOf(request)})
          on conflict (bot, update_id) do update set at = a.at where a.outcome = 'begun'
       returning id`;
    return rows.length > 0;
  });
}

/** Ends the row of an action. */
export async function endAction(
  db: Database,
  bot: string,
  updateId: number,
  end: Pick<ActionEnd, 'outcome' | 'detail'>,
): Promise<void> {
  await db.run('end chat action', DEADLINE_MS, async (sql) => {
    await sql`
      update flowgauge.chat_actions
         set outcome = ${end.outcome}, detail = ${end.detail.slice(0, 500)}, finished_at = clock_timestamp()
       where bot = ${bot} and update_id = ${String(updateId)}::text::bigint`;
  });
}

/** Deletes a bounded part of what is older than `keepMs` or beyond the most rows; true when there may be more. */
export async function forgetActions(db: Database, keepMs: number): Promise<boolean> {
  return db.run('forget chat actions', DEADLINE_MS, async (sql) => {
    const oldest = sql`clock_timestamp() - make_interval(secs => ${keepMs / 1000}::float8)`;
    const gone = await sql`
      delete from flowgauge.chat_actions where id in (
        select id from flowgauge.chat_actions
         where at < ${oldest}
            or id <= (select id from flowgauge.chat_actions order by id desc offset ${MOST_ROWS}::int limit 1)
         order by id limit ${DELETE_ROWS}::int)`;
    const ended = await sql`
      delete from flowgauge.chat_silences where id in (
        select id from flowgauge.chat_silences where ended_at < ${oldest} limit ${DELETE_ROWS}::int)`;
    return gone.count >= DELETE_ROWS || ended.count >= DELETE_ROWS;
  });
}

function subjectOf({ wish }: ChatRequest): string {
  if ('reference' in wish) return `group ${wish.reference} incident ${wish.incident}`;
  if (wish.kind === 'stuck') return wish.flow;
  return wish.kind === 'maintenance' ? wish.text : '';
}

/** The configured chat that lies at this number now; undefined when none of ours does. */
export async function chatOfAddress(db: Database, address: string): Promise<string | undefined> {
  return db.run('read chat', DEADLINE_MS, async (sql) => {
    const [row] = await sql<{ chat: string }[]>`
      select chat from flowgauge.notification_chats where channel = 'telegram' and address = ${address} limit 1`;
    return row?.chat;
  });
}
