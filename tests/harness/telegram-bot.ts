/** Owns what the fake Telegram knows: chats, the messages in them, and the answer to each method of the Bot API. */
import { cleanTelegramText, isTornText, readTelegramHtml } from './telegram-html.js';
import type { TelegramLimiter } from './telegram-limits.js';

/** Longest text of a message in UTF-16 units, after the markup is gone. */
const LONGEST_TEXT = 4096;

/** A request as it came in. */
export interface TelegramCall {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** `chat_id` as text; empty where the method has none. */
  readonly chat: string;
  /** Counts the requests from 1. */
  readonly number: number;
  /** On the fake's clock, milliseconds. */
  readonly atMs: number;
}

/** What kind of chat it is, and what is wrong with it. */
export interface TelegramChat {
  /** `blocked`, `kicked` and `no_rights` refuse messages; `migrated` needs `migratedTo`. Default `open`. */
  readonly state?: 'open' | 'blocked' | 'kicked' | 'no_rights' | 'migrated';
  readonly migratedTo?: string;
  /** Topics that exist; undefined accepts any. */
  readonly threads?: readonly number[];
}

/** A message as people in the chat see it now. */
export interface TelegramMessage {
  readonly id: number;
  readonly chat: string;
  /** What is seen: markup taken away. Empty once deleted. */
  text: string;
  /** The text as it was sent. */
  source: string;
  /** Every text that it had, the first to the present one. */
  readonly history: string[];
  readonly silent: boolean;
  readonly thread: number | undefined;
  readonly replyTo: number | undefined;
  buttons: unknown;
  readonly sentAtMs: number;
  editedAtMs: number | undefined;
  deleted: boolean;
}

/** An answer of the Bot API. */
export interface TelegramAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

type Params = Readonly<Record<string, unknown>>;

/** The bot's side of Telegram. `editable` says which messages may still be edited. */
export class TelegramBot {
  readonly messages: TelegramMessage[] = [];
  readonly answeredQueries: Params[] = [];
  readonly #limiter: TelegramLimiter;
  readonly #nowMs: () => number;
  /** Undefined: every number is a chat. */
  readonly #chats: Map<string, TelegramChat> | undefined;
  readonly #frozen = new Set<number>();
  readonly #queries = new Set<string>();

  constructor(
    limiter: TelegramLimiter,
    nowMs: () => number,
    chats: Readonly<Record<string, TelegramChat>> | undefined,
  ) {
    this.#limiter = limiter;
    this.#nowMs = nowMs;
    this.#chats = chats && new Map(Object.entries(chats));
  }

  /** Changes or adds a chat. */
  setChat(id: string, chat: TelegramChat): void {
    this.#known.set(id, chat);
  }

  /** From now on the message cannot be edited any more, as after 48 hours. */
  freeze(id: number): void {
    this.#frozen.add(id);
  }

  /** A button was pressed: its query may be answered once. */
  expectQuery(id: string): void {
    this.#queries.add(id);
  }

  /** The answer to every method but `getUpdates`. */
  answer(call: TelegramCall): TelegramAnswer {
    switch (call.method.toLowerCase()) {
      case 'getme':
        return good({ id: 42, is_bot: true, first_name: 'Flowgauge', username: 'flowgauge_test_bot' });
      case 'getchat':
        return this.#refusal(call.chat) ?? good(chatObject(call.chat));
      case 'sendmessage':
        return this.#send(call.chat, call.params);
      case 'editmessagetext':
        return this.#edit(call.chat, call.params);
      case 'deletemessage':
        return this.#delete(call.chat, call.params);
      case 'answercallbackquery':
        return this.#answerQuery(call.params);
      case 'deletewebhook':
        return good(true);
      default:
        return bad(404, 'Not Found');
    }
  }

  #send(chat: string, params: Params): TelegramAnswer {
    const refusal = this.#refusal(chat);
    if (refusal !== undefined) return refusal;
    const thread = numberOf(params.message_thread_id);
    const threads = this.#known.get(chat)?.threads;
    if (thread !== undefined && threads !== undefined && !threads.includes(thread)) {
      return bad(400, 'Bad Request: message thread not found');
    }
    const reply = objectOf(params.reply_parameters);
    const replyTo = numberOf(reply?.message_id ?? params.reply_to_message_id);
    const isReplyKnown = replyTo === undefined || this.#find(chat, replyTo) !== undefined;
    const mayMissReply = isTrue(reply?.allow_sending_without_reply ?? params.allow_sending_without_reply);
    if (!isReplyKnown && !mayMissReply) return bad(400, 'Bad Request: message to be replied not found');
    const read = readText(params, 'Bad Request: message is too long');
    if ('status' in read) return read;
    const wait = this.#limiter.take(chat);
    if (wait !== undefined) return tooMany(wait);
    const message: TelegramMessage = {
      id: this.messages.length + 1,
      chat,
      text: read.text,
      source: String(params.text),
      history: [read.text],
      silent: isTrue(params.disable_notification),
      thread,
      replyTo: isReplyKnown ? replyTo : undefined,
      buttons: objectOf(params.reply_markup)?.inline_keyboard,
      sentAtMs: this.#nowMs(),
      editedAtMs: undefined,
      deleted: false,
    };
    this.messages.push(message);
    return good(messageObject(message));
  }

  #edit(chat: string, params: Params): TelegramAnswer {
    const refusal = this.#refusal(chat);
    if (refusal !== undefined) return refusal;
    const message = this.#find(chat, numberOf(params.message_id));
    if (message === undefined) return bad(400, 'Bad Request: message to edit not found');
    if (this.#frozen.has(message.id)) return bad(400, "Bad Request: message can't be edited");
    const read = readText(params, 'Bad Request: MESSAGE_TOO_LONG');
    if ('status' in read) return read;
    const wait = this.#limiter.take(chat);
    if (wait !== undefined) return tooMany(wait);
    const buttons = objectOf(params.reply_markup)?.inline_keyboard;
    const source = String(params.text);
    if (source === message.source && JSON.stringify(buttons) === JSON.stringify(message.buttons)) {
      return bad(
        400,
        'Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message',
      );
    }
    Object.assign(message, { text: read.text, source, buttons, editedAtMs: this.#nowMs() });
    message.history.push(read.text);
    return good(messageObject(message));
  }

  #delete(chat: string, params: Params): TelegramAnswer {
    const refusal = this.#refusal(chat);
    if (refusal !== undefined) return refusal;
    const message = this.#find(chat, numberOf(params.message_id));
    if (message === undefined) return bad(400, 'Bad Request: message to delete not found');
    if (this.#frozen.has(message.id)) return bad(400, "Bad Request: message can't be deleted");
    message.deleted = true;
    return good(true);
  }

  #answerQuery(params: Params): TelegramAnswer {
    if (!this.#queries.delete(String(params.callback_query_id))) {
      return bad(400, 'Bad Request: query is too old and response timeout expired or query ID is invalid');
    }
    this.answeredQueries.push(params);
    return good(true);
  }

  #refusal(chat: string): TelegramAnswer | undefined {
    const isNumber = /^-?[1-9]\d*$/.test(chat);
    const known = this.#known.get(chat) ?? (this.#chats === undefined && isNumber ? {} : undefined);
    if (chat === '') return bad(400, 'Bad Request: chat_id is empty');
    if (known === undefined) return bad(400, 'Bad Request: chat not found');
    switch (known.state) {
      case 'blocked':
        return bad(403, 'Forbidden: bot was blocked by the user');
      case 'kicked':
        return bad(403, 'Forbidden: bot was kicked from the supergroup chat');
      case 'no_rights':
        return bad(400, 'Bad Request: not enough rights to send text messages to the chat');
      case 'migrated':
        return bad(400, 'Bad Request: group chat was upgraded to a supergroup chat', {
          migrate_to_chat_id: Number(known.migratedTo),
        });
      default:
        return undefined;
    }
  }

  readonly #extra = new Map<string, TelegramChat>();

  get #known(): Map<string, TelegramChat> {
    return this.#chats ?? this.#extra;
  }

  #find(chat: string, id: number | undefined): TelegramMessage | undefined {
    const message = id === undefined ? undefined : this.messages[id - 1];
    return message?.chat === chat && !message.deleted ? message : undefined;
  }
}

/** The answer to a request that came too early. */
export function tooMany(seconds: number): TelegramAnswer {
  return bad(429, `Too Many Requests: retry after ${seconds}`, { retry_after: seconds });
}

/** An error as the Bot API writes it. */
export function bad(status: number, description: string, parameters?: object): TelegramAnswer {
  return {
    status,
    body: { ok: false, error_code: status, description, ...(parameters === undefined ? {} : { parameters }) },
  };
}

/** A success as the Bot API writes it. */
export function good(result: unknown): TelegramAnswer {
  return { status: 200, body: { ok: true, result } };
}

function readText(params: Params, tooLong: string): TelegramAnswer | { readonly text: string } {
  const source = params.text === undefined ? '' : String(params.text);
  if (isTornText(source)) return bad(400, 'Bad Request: strings must be encoded in UTF-8');
  let text = source;
  const mode = String(params.parse_mode ?? '').toLowerCase();
  if (mode === 'html') {
    const reading = readTelegramHtml(source);
    if (!reading.ok) return bad(400, `Bad Request: can't parse entities: ${reading.description}`);
    text = reading.text;
  } else if (mode !== '') {
    return bad(400, 'Bad Request: unsupported parse_mode');
  }
  text = cleanTelegramText(text);
  if (text === '') return bad(400, 'Bad Request: message text is empty');
  return text.length > LONGEST_TEXT ? bad(400, tooLong) : { text };
}

function messageObject(message: TelegramMessage): object {
  return {
    message_id: message.id,
    date: Math.floor(message.sentAtMs / 1000),
    chat: chatObject(message.chat),
    text: message.text,
  };
}

function chatObject(chat: string): object {
  return {
    id: Number(chat),
    type: chat.startsWith('-100') ? 'supergroup' : chat.startsWith('-') ? 'group' : 'private',
  };
}

/** Clients that send forms write objects as JSON text. */
function objectOf(value: unknown): Record<string, unknown> | undefined {
  const parsed: unknown = typeof value === 'string' && value !== '' ? JSON.parse(value) : value;
  return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
}

function numberOf(value: unknown): number | undefined {
  const number = value === undefined || value === '' ? Number.NaN : Number(value);
  return Number.isInteger(number) && number !== 0 ? number : undefined;
}

function isTrue(value: unknown): boolean {
  return value === true || value === 1 || /^(true|1)$/i.test(String(value));
}
