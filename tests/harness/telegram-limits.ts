/** Owns the sending limits of the fake Telegram, and the record of everybody who broke one. */

/** How much may be sent. The defaults are the published ones. */
export interface TelegramLimits {
  /** Messages in a row that one chat takes before the pace of one per second holds. Default 3, as observed; 1 is strict. */
  readonly chatBurst: number;
  /** Longest sustained pace of one chat. */
  readonly chatPerSecond: number;
  /** Messages to one group (a negative chat id) in any 60 seconds. */
  readonly groupPerMinute: number;
  /** Messages of the whole bot in any second. */
  readonly botPerSecond: number;
}

/** The published limits. */
export const PUBLISHED_LIMITS: TelegramLimits = {
  chatBurst: 3,
  chatPerSecond: 1,
  groupPerMinute: 20,
  botPerSecond: 30,
};

/** A request that a well-behaved bot does not make. */
export interface TelegramViolation {
  /** `rate`: faster than allowed. `retry_after`: sent although told to wait. */
  readonly kind: 'rate' | 'retry_after';
  readonly chat: string;
  /** On the fake's clock, milliseconds. */
  readonly atMs: number;
  readonly detail: string;
}

/** Judges each sending request; knows what was sent and who was told to wait. */
export class TelegramLimiter {
  readonly violations: TelegramViolation[] = [];
  readonly #limits: TelegramLimits;
  readonly #nowMs: () => number;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();
  readonly #groups = new Map<string, number[]>();
  readonly #heldUntilMs = new Map<string, number>();
  #bot: number[] = [];

  constructor(limits: TelegramLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** Seconds that the sender must wait; undefined when it may send, and then the message is counted. */
  take(chat: string): number | undefined {
    const nowMs = this.#nowMs();
    const heldMs = this.heldMs(chat);
    if (heldMs > 0) {
      this.#note('retry_after', chat, `${Math.ceil(heldMs)} ms before the end of the wait`);
      return Math.ceil(heldMs / 1000);
    }
    const waitMs = this.#waitMs(chat, nowMs);
    if (waitMs > 0) {
      this.#note('rate', chat, `${Math.ceil(waitMs)} ms too early`);
      const seconds = Math.max(1, Math.ceil(waitMs / 1000));
      this.hold(chat, seconds);
      return seconds;
    }
    this.#bucket(chat, nowMs).tokens -= 1;
    if (isGroup(chat)) this.#groups.get(chat)!.push(nowMs);
    this.#bot.push(nowMs);
    return undefined;
  }

  /** From now on, that chat must not be written to for so long. */
  hold(chat: string, seconds: number): void {
    const untilMs = this.#nowMs() + seconds * 1000;
    this.#heldUntilMs.set(chat, Math.max(untilMs, this.#heldUntilMs.get(chat) ?? 0));
  }

  /** Milliseconds until the chat may be written to again; 0 when it may. */
  heldMs(chat: string): number {
    return Math.max(0, (this.#heldUntilMs.get(chat) ?? 0) - this.#nowMs());
  }

  #waitMs(chat: string, nowMs: number): number {
    const { chatPerSecond, groupPerMinute, botPerSecond } = this.#limits;
    const bucket = this.#bucket(chat, nowMs);
    let waitMs = bucket.tokens >= 1 ? 0 : ((1 - bucket.tokens) / chatPerSecond) * 1000;
    if (isGroup(chat)) {
      const times = (this.#groups.get(chat) ?? []).filter((atMs) => atMs > nowMs - 60_000);
      this.#groups.set(chat, times);
      if (times.length >= groupPerMinute)
        waitMs = Math.max(waitMs, times.at(-groupPerMinute)! + 60_000 - nowMs);
    }
    this.#bot = this.#bot.filter((atMs) => atMs > nowMs - 1000);
    if (this.#bot.length >= botPerSecond)
      waitMs = Math.max(waitMs, this.#bot.at(-botPerSecond)! + 1000 - nowMs);
    return waitMs;
  }

  #bucket(chat: string, nowMs: number): { tokens: number; atMs: number } {
    const { chatBurst, chatPerSecond } = this.#limits;
    const bucket = this.#buckets.get(chat) ?? { tokens: chatBurst, atMs: nowMs };
    // A clock's rounding must not make a sender guilty who waited exactly the second.
    bucket.tokens = Math.min(
      chatBurst,
      bucket.tokens + ((nowMs - bucket.atMs) / 1000) * chatPerSecond + 1e-9,
    );
    bucket.atMs = nowMs;
    this.#buckets.set(chat, bucket);
    return bucket;
  }

  #note(kind: TelegramViolation['kind'], chat: string, detail: string): void {
    this.violations.push({ kind, chat, atMs: this.#nowMs(), detail });
  }
}

/** Groups, supergroups and channels have negative numbers. */
function isGroup(chat: string): boolean {
  return chat.startsWith('-') || chat.startsWith('@');
}
