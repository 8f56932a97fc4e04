/** Owns the reading of Telegram's answers: what each of them means for the message, decided from values alone. */
import type { PermanentReason, TransientReason } from './channel.js';

/** An answer, or what happened in its place. */
export type TelegramReply =
  | {
      readonly kind: 'reply';
      /** HTTP status. */
      readonly status: number;
      /** The body as JSON; undefined when it was none. */
      readonly body: unknown;
    }
  | {
      readonly kind: 'broken';
      readonly reason: TransientReason;
      /** True: the request may have been carried out. */
      readonly ambiguous: boolean;
      readonly detail: string;
    };

/** What an answer means. The first six are steps on the way, the others are ends. */
export type ReplyMeaning =
  | { readonly kind: 'done'; readonly result: Readonly<Record<string, unknown>> }
  /** The message shows exactly this already. */
  | { readonly kind: 'unchanged' }
  /** The message is gone or too old: a new one is needed. */
  | { readonly kind: 'uneditable' }
  | { readonly kind: 'markup_refused'; readonly detail: string }
  /** The topic is gone: the chat itself is not. */
  | { readonly kind: 'thread_gone' }
  | { readonly kind: 'migrated'; readonly chatId: string }
  | { readonly kind: 'limited'; readonly afterSeconds: number }
  | {
      readonly kind: 'transient';
      readonly reason: TransientReason;
      readonly ambiguous: boolean;
      readonly detail: string;
    }
  | { readonly kind: 'permanent'; readonly reason: PermanentReason; readonly detail: string };

/** Waits longer than this are not believed: a day. */
const LONGEST_WAIT_SECONDS = 86_400;

const REMEDY: Readonly<Record<PermanentReason, string>> = {
  chat_not_found: 'check the number of the chat, and write to the bot or add it to the chat once',
  blocked: 'the bot was removed or blocked: add it again',
  no_rights: 'give the bot the right to send messages in this chat',
  unauthorized: 'the token is wrong or revoked: put the one that @BotFather shows into the token file',
  too_long: 'the text is longer than Telegram takes',
  empty: 'the text is empty',
  rejected: 'Telegram does not take this message as it is',
};

const RULES_400: readonly (readonly [
  RegExp,
  PermanentReason | 'unchanged' | 'uneditable' | 'thread_gone',
])[] = [
  [/message is not modified/i, 'unchanged'],
  [
    /message to edit not found|message can't be edited|message_id_invalid|no text in the message to edit/i,
    'uneditable',
  ],
  [/message thread not found|topic_deleted|topic_closed|topic_id_invalid/i, 'thread_gone'],
  [/chat not found|chat_id is empty|peer_id_invalid|user not found/i, 'chat_not_found'],
  [/message is too long|message_too_long|text is too long/i, 'too_long'],
  [/message text is empty|text must be non-empty|message must be non-empty/i, 'empty'],
  [
    /not enough rights|have no rights|chat_write_forbidden|chat_send_plain_forbidden|need administrator rights/i,
    'no_rights',
  ],
];

/**
 * The meaning of an answer. Only JSON with `ok` is Telegram's word: a page that something on the way put in its
 * place says nothing final about the message, whatever its status.
 */
export function meaningOf(reply: TelegramReply): ReplyMeaning {
  if (reply.kind === 'broken') return { ...reply, kind: 'transient' };
  const body = recordOf(reply.body);
  if (body?.ok === true) {
    return { kind: 'done', result: recordOf(body.result) ?? {} };
  }
  if (body?.ok !== false) {
    const reason = reply.status >= 500 ? 'server_error' : 'bad_answer';
    const detail = `answer ${reply.status} that is not Telegram's: is a proxy in between?`;
    return { kind: 'transient', reason, ambiguous: reply.status < 400 || reply.status >= 500, detail };
  }
  const code = typeof body.error_code === 'number' ? body.error_code : reply.status;
  const description = typeof body.description === 'string' ? body.description : '';
  const said = `Telegram says ${code} ${JSON.stringify(description.slice(0, 300))}`;
  const parameters = recordOf(body.parameters);
  if (code === 429) return { kind: 'limited', afterSeconds: waitOf(parameters?.retry_after, description) };
  if (code === 401 || code === 404) return permanent('unauthorized', said);
  if (code === 403) return permanent('blocked', said);
  if (code === 413) return permanent('too_long', said);
  if (code !== 400) return { kind: 'transient', reason: 'server_error', ambiguous: true, detail: said };
  const migrated = parameters?.migrate_to_chat_id;
  if (typeof migrated === 'number' || typeof migrated === 'string')
    return { kind: 'migrated', chatId: String(migrated) };
  if (/can't parse (entities|message text)/i.test(description))
    return { kind: 'markup_refused', detail: said };
  const meaning = RULES_400.find(([pattern]) => pattern.test(description))?.[1] ?? 'rejected';
  if (meaning === 'unchanged' || meaning === 'uneditable' || meaning === 'thread_gone')
    return { kind: meaning };
  return permanent(meaning, said);
}

/** What an answer says about Telegram itself, for the circuit: a message that it refuses is no failure of the service. */
export function healthOf(reply: TelegramReply): 'success' | 'failure' | 'neutral' {
  const meaning = meaningOf(reply);
  if (meaning.kind === 'limited') return 'neutral';
  if (meaning.kind === 'transient') return meaning.reason === 'aborted' ? 'neutral' : 'failure';
  return meaning.kind === 'permanent' && meaning.reason === 'unauthorized' ? 'failure' : 'success';
}

function permanent(reason: PermanentReason, said: string): ReplyMeaning {
  return { kind: 'permanent', reason, detail: `${said}; ${REMEDY[reason]}` };
}

/** Without a believable number we wait a minute: too long costs a minute, too short breaks the limit again. */
function waitOf(value: unknown, description: string): number {
  const seconds = Number(value ?? /retry after (\d+)/i.exec(description)?.[1] ?? Number.NaN);
  if (!Number.isFinite(seconds) || seconds < 0) return 60;
  return Math.min(LONGEST_WAIT_SECONDS, Math.max(1, Math.ceil(seconds)));
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
