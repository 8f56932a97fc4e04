/** Owns the pace of sending as a value: when may the next message to this chat leave, so that no limit is ever broken. */

/** At most `count` messages in any `spanMs` milliseconds. */
export interface PaceRule {
  readonly count: number;
  readonly spanMs: number;
}

/** The rules that hold at the same time. */
export interface PaceRules {
  /** For each chat. */
  readonly chat: PaceRule;
  /** For each group, that is a chat with a negative number or a name with `@`. */
  readonly group: PaceRule;
  /** For everything that the channel sends. */
  readonly bot: PaceRule;
}

/**
 * Telegram publishes 1 per second and chat, 20 per minute and group, 30 per second and bot. We stay below: messages
 * that leave at the right distance may arrive closer together.
 */
export const TELEGRAM_PACE: PaceRules = {
  chat: { count: 1, spanMs: 1_050 },
  group: { count: 19, spanMs: 60_000 },
  bot: { count: 25, spanMs: 1_000 },
};

/** What one chat has behind it. Moments are milliseconds since the epoch, rising. */
export interface ChatPace {
  readonly sentAtMs: readonly number[];
}

/** Everything that the pace depends on: plain JSON, to be kept in the store and shared by all replicas. */
export interface PacingState {
  readonly sentAtMs: readonly number[];
  readonly chats: Readonly<Record<string, ChatPace>>;
}

/** Nothing sent yet. */
export const NO_PACE: PacingState = { sentAtMs: [], chats: {} };

const IDLE: ChatPace = { sentAtMs: [] };

/**
 * Reserves the earliest moment, not before `nowMs`, at which a message to `chat` may leave. Keep the state before the
 * message leaves: a crash in between costs a slot and breaks no limit.
 */
export function plan(
  state: PacingState,
  chat: string,
  nowMs: number,
  rules: PaceRules = TELEGRAM_PACE,
): { readonly atMs: number; readonly state: PacingState } {
  const pruned = prune(state, nowMs, rules);
  const own = paceOf(pruned, chat);
  const atMs = earliest(pruned, chat, nowMs, rules);
  return {
    atMs,
    state: {
      ...pruned,
      sentAtMs: inserted(pruned.sentAtMs, atMs),
      chats: { ...pruned.chats, [chat]: { ...own, sentAtMs: inserted(own.sentAtMs, atMs) } },
    },
  };
}

/** The moment that `plan` would give, without a reservation: what to write as the due time of a message that waits. */
export function earliest(
  state: PacingState,
  chat: string,
  nowMs: number,
  rules: PaceRules = TELEGRAM_PACE,
): number {
  const own = paceOf(state, chat);
  const applied: (readonly [readonly number[], PaceRule])[] = [
    [own.sentAtMs, rules.chat],
    [state.sentAtMs, rules.bot],
  ];
  if (isGroup(chat)) applied.push([own.sentAtMs, rules.group]);
  let atMs = nowMs;
  for (let isFree = false; !isFree; ) {
    const laterMs = Math.max(...applied.map(([times, rule]) => firstFree(times, rule, atMs)));
    isFree = laterMs === atMs;
    atMs = laterMs;
  }
  return atMs;
}

/** The state in a text from the store; anything that is none counts as empty, so that a damaged row cannot stop the sending. */
export function readPacing(value: unknown): PacingState {
  const root = recordOf(value);
  const chats = Object.entries(recordOf(root.chats)).map(([chat, pace]): [string, ChatPace] => {
    return [chat, { sentAtMs: timesOf(recordOf(pace).sentAtMs) }];
  });
  return {
    sentAtMs: timesOf(root.sentAtMs),
    chats: Object.fromEntries(chats),
  };
}

/** The earliest moment from `fromMs` at which one more keeps every window within the rule. */
function firstFree(times: readonly number[], rule: PaceRule, fromMs: number): number {
  let atMs = fromMs;
  for (;;) {
    const all = inserted(times, atMs);
    const own = all.indexOf(atMs);
    let laterMs = atMs;
    for (let first = Math.max(0, own - rule.count); first <= own; first += 1) {
      const last = all[first + rule.count];
      if (last !== undefined && last - all[first]! < rule.spanMs) {
        // Before its window the new one cannot be, so it goes behind the window's first other member.
        laterMs = Math.max(laterMs, (first === own ? all[first + 1]! : all[first]!) + rule.spanMs);
      }
    }
    if (laterMs === atMs) return atMs;
    atMs = laterMs;
  }
}

/** Drops what no rule looks at any more; without that the state would grow with every chat and message. */
function prune(state: PacingState, nowMs: number, rules: PaceRules): PacingState {
  const chatSpanMs = Math.max(rules.chat.spanMs, rules.group.spanMs);
  const chats: Record<string, ChatPace> = {};
  for (const [chat, { sentAtMs }] of Object.entries(state.chats)) {
    const recent = sentAtMs.filter((atMs) => atMs > nowMs - chatSpanMs);
    if (recent.length > 0) chats[chat] = { sentAtMs: recent };
  }
  return { ...state, sentAtMs: state.sentAtMs.filter((atMs) => atMs > nowMs - rules.bot.spanMs), chats };
}

function paceOf(state: PacingState, chat: string): ChatPace {
  return Object.hasOwn(state.chats, chat) ? state.chats[chat]! : IDLE;
}

function inserted(times: readonly number[], atMs: number): readonly number[] {
  const place = times.findIndex((one) => one > atMs);
  return place < 0 ? [...times, atMs] : times.toSpliced(place, 0, atMs);
}

function isGroup(chat: string): boolean {
  return chat.startsWith('-') || chat.startsWith('@');
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function timesOf(value: unknown): readonly number[] {
  return Array.isArray(value) ? value.filter(Number.isFinite).sort((a, b) => a - b) : [];
}
