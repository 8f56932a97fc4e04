/** Owns the channel to Telegram: one message in, one end out, with a deadline, a circuit and no second delivery. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CircuitBreaker } from '../resilience/breaker.js';
import { BreakerOpenError, CallTimeoutError } from '../resilience/errors.js';
import type { PolicyClock } from '../resilience/policy-clock.js';
import { Timeout } from '../resilience/timeout.js';
import type { Channel, ChannelMessage, Outcome, OutcomeScope, SendOptions, SentMessage } from './channel.js';
import { healthOf, meaningOf, type ReplyMeaning, type TelegramReply } from './classify.js';
import { FailingChats } from './failing-chats.js';
import { callTelegram, type TelegramAccess } from './telegram-api.js';

/** Options of the channel. */
export interface TelegramOptions extends TelegramAccess {
  /** Label value of its series and of its circuit. Default `telegram`. */
  readonly name?: string | undefined;
  /** Deadline of one request, milliseconds. Default 10,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** Distance between two requests of one send, milliseconds: they go to one chat. Default 1,050. */
  readonly pauseMs?: number | undefined;
  /** Time. Default the policies' own. */
  readonly clock?: PolicyClock | undefined;
}

type Form = 'markup' | 'plain';

/**
 * Sends to Telegram. The circuit opens after 10 failures in a row, for 120 s, and closes after 3 good trials; a
 * refused token opens it at once, and then `getMe` is the trial, so that no message is spent on it. Failures of one
 * chat alone keep only that chat waiting: the next message to another one closes the circuit.
 */
export class TelegramChannel implements Channel {
  readonly name: string;
  readonly deadlineMs: number;
  /** For its series. */
  readonly breaker: CircuitBreaker;
  readonly #access: TelegramAccess;
  readonly #pauseMs: number;
  readonly #deadline: Timeout;
  readonly #failing = new FailingChats();
  /** The token that Telegram has refused. */
  #refused: string | undefined;

  constructor(options: TelegramOptions) {
    const { name = 'telegram', requestTimeoutMs = 10_000, pauseMs = 1_050, clock } = options;
    this.name = name;
    this.#access = options;
    this.#pauseMs = pauseMs;
    this.deadlineMs = 2 * requestTimeoutMs + 2 * pauseMs;
    this.#deadline = new Timeout({ name: `${name} send`, timeoutMs: this.deadlineMs, clock });
    this.breaker = new CircuitBreaker({
      name,
      failureThreshold: 10,
      recoveryTimeoutMs: 120_000,
      successThreshold: 3,
      callTimeoutMs: requestTimeoutMs,
      judgeAnswer: (reply) => healthOf(reply as TelegramReply),
      clock,
    });
  }

  async send(message: ChannelMessage, previous?: SentMessage, options: SendOptions = {}): Promise<Outcome> {
    const progress = { mayHaveDelivered: false };
    try {
      return await this.#deadline.execute(
        ({ signal }) => this.#deliver(message, previous, signal, progress),
        options,
      );
    } catch (error) {
      const scope = this.#failing.areAllOf(message.to.chat) ? 'chat' : 'channel';
      return outcomeOfError(error, progress.mayHaveDelivered, scope);
    }
  }

  async #deliver(
    message: ChannelMessage,
    previous: SentMessage | undefined,
    signal: AbortSignal,
    progress: Progress,
  ): Promise<Outcome> {
    const closed = await this.#tryToken(signal);
    if (closed !== undefined) return closed;
    let target = previous?.chat === message.to.chat ? previous : undefined;
    let thread = message.to.thread;
    let form: Form = 'markup';
    // Each turn after the first follows a refusal that delivered nothing, and each refusal can come once.
    for (let turn = 0; turn < 4; turn += 1) {
      if (turn > 0) await sleep(this.#pauseMs, undefined, { signal });
      progress.mayHaveDelivered = target === undefined;
      const meaning =
        target === undefined
          ? await this.#call('sendMessage', newParams(message, form, thread, previous), signal)
          : await this.#call('editMessageText', editParams(message, form, target), signal);
      if (meaning.kind === 'uneditable' && target !== undefined) target = undefined;
      else if (meaning.kind === 'thread_gone' && thread !== undefined) thread = undefined;
      else if (meaning.kind === 'markup_refused' && form === 'markup') form = 'plain';
      else return endOf(meaning, message, target, form);
      progress.mayHaveDelivered = false;
    }
    return endOf(
      { kind: 'permanent', reason: 'rejected', detail: 'refused in every form' },
      message,
      target,
      form,
    );
  }

  /** After a refused token: is it accepted now? Undefined when nothing speaks against sending. */
  async #tryToken(signal: AbortSignal): Promise<Outcome | undefined> {
    if (this.#refused === undefined) return undefined;
    // A new token is a new chance: nobody should wait two minutes after the remedy.
    if (this.#refused !== this.#access.token().reveal()) this.breaker.reset();
    const held = { kind: 'transient', reason: 'unauthorized', ambiguous: false, scope: 'channel' } as const;
    try {
      const meaning = await this.#call('getMe', {}, signal);
      if (meaning.kind === 'done') return undefined;
      return { ...held, afterSeconds: this.#recoverySeconds(), detail: 'the token is still refused' };
    } catch (error) {
      if (!(error instanceof BreakerOpenError)) throw error;
      return {
        ...held,
        afterSeconds: secondsOf(error.retryAfterMs),
        detail: 'waits until the refused token is tried again',
      };
    }
  }

  async #call(
    method: string,
    params: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<ReplyMeaning> {
    const token = this.#access.token().reveal();
    const chat = typeof params.chat_id === 'string' ? params.chat_id : '';
    const isShut = this.breaker.status().state === 'open' && this.#refused === undefined;
    if (isShut && this.#failing.areAllOfAnother(chat)) this.breaker.reset();
    const reply = await this.breaker
      .execute((context) => callTelegram(this.#access, method, params, context.signal), { signal })
      .catch((error: unknown) => {
        if (error instanceof CallTimeoutError) this.#failing.note(chat, 'failure');
        throw error;
      });
    this.#failing.note(chat, healthOf(reply));
    const meaning = meaningOf(reply);
    const isRefused = meaning.kind === 'permanent' && meaning.reason === 'unauthorized';
    if (isRefused) this.breaker.trip();
    this.#refused = isRefused ? token : meaning.kind === 'done' ? undefined : this.#refused;
    return meaning;
  }

  #recoverySeconds(): number {
    return secondsOf(this.breaker.status().retryAfterMs);
  }
}

interface Progress {
  /** True while a request is under way that could bring a second message when it is repeated. */
  mayHaveDelivered: boolean;
}

function newParams(
  { to, text, plain, silent, replyTo, buttons }: ChannelMessage,
  form: Form,
  thread: number | undefined,
  previous: SentMessage | undefined,
): Readonly<Record<string, unknown>> {
  const answered = replyTo ?? (previous?.chat === to.chat ? previous.id : undefined);
  return {
    chat_id: to.chat,
    ...(thread === undefined ? {} : { message_thread_id: thread }),
    ...textParams(text, plain, form),
    disable_notification: silent,
    ...(answered === undefined
      ? {}
      : { reply_parameters: { message_id: Number(answered), allow_sending_without_reply: true } }),
    ...buttonParams(buttons),
  };
}

function editParams(
  { text, plain, buttons }: ChannelMessage,
  form: Form,
  target: SentMessage,
): Readonly<Record<string, unknown>> {
  return {
    chat_id: target.chat,
    message_id: Number(target.id),
    ...textParams(text, plain, form),
    ...buttonParams(buttons),
  };
}

function textParams(text: string, plain: string, form: Form): Readonly<Record<string, unknown>> {
  const written = form === 'markup' ? { text, parse_mode: 'HTML' } : { text: plain };
  return { ...written, link_preview_options: { is_disabled: true } };
}

function buttonParams(buttons: ChannelMessage['buttons']): Readonly<Record<string, unknown>> {
  if (buttons === undefined || buttons.length === 0) return {};
  const rows = buttons.map((row) => row.map(({ label, data }) => ({ text: label, callback_data: data })));
  return { reply_markup: { inline_keyboard: rows } };
}

function endOf(
  meaning: ReplyMeaning,
  message: ChannelMessage,
  target: SentMessage | undefined,
  form: Form,
): Outcome {
  const { chat } = message.to;
  switch (meaning.kind) {
    case 'done': {
      const id = target?.id ?? meaning.result.message_id;
      if (typeof id === 'number' || typeof id === 'string') {
        return { kind: 'sent', id: String(id), chat, how: target === undefined ? 'new' : 'edited', form };
      }
      const detail = 'Telegram confirmed without the number of the message';
      return { kind: 'transient', reason: 'bad_answer', ambiguous: true, scope: 'chat', detail };
    }
    case 'unchanged':
      if (target !== undefined) return { kind: 'sent', id: target.id, chat, how: 'unchanged', form };
      break;
    case 'migrated':
      return meaning;
    case 'limited':
      return { ...meaning, scope: 'chat' };
    case 'transient':
      // An edit that is repeated changes nothing: it cannot become a second message.
      return { ...meaning, ambiguous: meaning.ambiguous && target === undefined, scope: 'chat' };
    case 'permanent':
      return { ...meaning, scope: meaning.reason === 'unauthorized' ? 'channel' : 'chat' };
    default:
      break;
  }
  const detail =
    'detail' in meaning ? meaning.detail : `Telegram answered ${meaning.kind} where that has no meaning`;
  return { kind: 'permanent', reason: 'rejected', scope: 'chat', detail };
}

function outcomeOfError(error: unknown, mayHaveDelivered: boolean, circuitScope: OutcomeScope): Outcome {
  if (error instanceof BreakerOpenError) {
    return {
      kind: 'transient',
      reason: 'circuit_open',
      ambiguous: false,
      scope: circuitScope,
      afterSeconds: secondsOf(error.retryAfterMs),
      detail: error.message,
    };
  }
  const isTimeout = error instanceof CallTimeoutError;
  return {
    kind: 'transient',
    reason: isTimeout ? 'timeout' : 'aborted',
    ambiguous: mayHaveDelivered,
    scope: 'chat',
    detail: isTimeout ? error.message : 'the send was given up',
  };
}

/** While a trial is under way nobody knows the moment; a second is soon enough. */
function secondsOf(ms: number | undefined): number {
  return Math.max(1, Math.ceil((ms ?? 1_000) / 1000));
}
