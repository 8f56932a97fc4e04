/** Owns one pass of asking Telegram what people did: a long poll, every update once, and the place where to go on. */
import type { Database } from '../storage/database.js';
import { act, type ChatActionOptions } from './chat-actions.js';
import { nextUpdate, storeNextUpdate } from './chat-journal.js';
import { readUpdate, updateIdOf } from './chat-request.js';
import { meaningOf, type ReplyMeaning } from './classify.js';
import { callTelegram, type TelegramAccess } from './telegram-api.js';

/** Seconds that Telegram waits for somebody to do something before it answers with nothing. */
export const POLL_SECONDS = 20;
/** Longest that one question may take, milliseconds. */
export const POLL_DEADLINE_MS = (POLL_SECONDS + 10) * 1_000;
const ANSWER_DEADLINE_MS = 5_000;
const MOST_UPDATES = 20;
/** An update that fails so often is left: those behind it must not wait for it. */
const MOST_FAILURES = 5;

/** Telegram refused to say what people did. */
export class ChatPollError extends Error {
  override readonly name = 'ChatPollError';
  readonly code = 'CHAT_POLL_FAILED';
  constructor(
    detail: string,
    /** Not before this many seconds. */
    readonly afterSeconds: number,
  ) {
    super(`Telegram does not say what people did: ${detail}`);
  }
}

/** What the poll needs. */
export interface ChatPollOptions {
  readonly db: Database;
  readonly access: TelegramAccess;
  readonly actions: ChatActionOptions;
  /** Whether this process may still act: it holds the lease. */
  readonly isMine: () => boolean;
  /** Told of an update that failed again and again and was left. */
  readonly gaveUp: (error: unknown) => void;
}

/** A poll of one process; keeps the bot's own name. */
export class ChatPoll {
  #names = new Map<string, string>();
  #failed = { id: -1, times: 0 };

  constructor(private readonly options: ChatPollOptions) {}

  /** One pass. Resolves with how many updates were read. Rejects with {@link ChatPollError} or the store's errors. */
  async pass(signal: AbortSignal): Promise<number> {
    const { db, access, isMine } = this.options;
    const bot = botOf(access);
    const name = await this.#ownName(bot, signal);
    const offset = await nextUpdate(db, bot);
    const updates = await this.#ask(
      'getUpdates',
      {
        ...(offset === undefined ? {} : { offset }),
        timeout: POLL_SECONDS,
        limit: MOST_UPDATES,
        allowed_updates: ['message', 'callback_query'],
      },
      POLL_DEADLINE_MS,
      signal,
    );
    const list: readonly unknown[] = Array.isArray(updates) ? updates : [];
    for (const update of list) {
      // After a long sleep of this process another one reads: what is left here is his.
      if (!isMine() || signal.aborted) return 0;
      const id = updateIdOf(update);
      try {
        await this.#handle(bot, name, update, signal);
      } catch (error) {
        const times = this.#failed.id === id ? this.#failed.times + 1 : 1;
        this.#failed = { id: id ?? -1, times };
        if (signal.aborted || times < MOST_FAILURES) throw error;
        this.options.gaveUp(error);
      }
      if (id !== undefined) await storeNextUpdate(db, bot, id + 1);
    }
    return list.length;
  }

  async #handle(bot: string, name: string, update: unknown, signal: AbortSignal): Promise<void> {
    const request = readUpdate(update, name);
    if (request === undefined) return;
    const text = await act(this.options.actions, bot, request, signal);
    if (request.queryId === undefined || text === undefined) return;
    // Only a comfort: without it the button turns for a while. A query older than a minute is refused.
    const shown = { callback_query_id: request.queryId, text: text.slice(0, 190) };
    await this.#ask('answerCallbackQuery', shown, ANSWER_DEADLINE_MS, signal).catch(() => undefined);
  }

  async #ownName(bot: string, signal: AbortSignal): Promise<string> {
    const known = this.#names.get(bot);
    if (known !== undefined) return known;
    const me = await this.#ask('getMe', {}, ANSWER_DEADLINE_MS, signal);
    const { username } = (me ?? {}) as { readonly username?: unknown };
    const name = typeof username === 'string' ? username : '';
    this.#names = new Map([[bot, name]]);
    return name;
  }

  async #ask(
    method: string,
    params: Readonly<Record<string, unknown>>,
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<unknown> {
    const deadline = AbortSignal.timeout(deadlineMs);
    const reply = await callTelegram(
      this.options.access,
      method,
      params,
      AbortSignal.any([signal, deadline]),
    ).catch((error: unknown) => {
      if (deadline.aborted && !signal.aborted) throw new ChatPollError(`no answer to ${method} in time`, 1);
      throw error;
    });
    const meaning = meaningOf(reply);
    if (meaning.kind === 'done' && reply.kind === 'reply')
      return (reply.body as { readonly result?: unknown }).result;
    throw new ChatPollError(faultOf(meaning), afterOf(meaning));
  }
}

/** The bot's number, which is no secret: the part of the token before the colon. */
function botOf({ token }: TelegramAccess): string {
  return token().reveal().split(':')[0]!.slice(0, 20);
}

function faultOf(meaning: ReplyMeaning): string {
  if (!('detail' in meaning)) return meaning.kind;
  return /\b409\b/.test(meaning.detail)
    ? `${meaning.detail}; another program reads this bot's updates, or it has a webhook: give us a bot of our own`
    : meaning.detail;
}

function afterOf(meaning: ReplyMeaning): number {
  if (meaning.kind === 'limited') return meaning.afterSeconds;
  return meaning.kind === 'permanent' ? 30 : 2;
}
