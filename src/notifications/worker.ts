/** Owns one pass of the sender: claim, write the message, send it while the lease holds, note how it ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../resilience/backoff.js';
import type { Database } from '../storage/database.js';
import type { Channel, ChannelMessage, Outcome, SentMessage } from './channel.js';
import type { RestRule } from './chat-pace.js';
import { type Claim, ClaimLostError, type Part } from './claim.js';
import { claimNext } from './claim-next.js';
import { storeThread } from './groups.js';
import { giveBack, settle, writeEnd, writeProgress, writeRetry } from './outbox.js';

/** The first three waits are 1, 2 and 4 seconds, as people expect; the longest is five minutes. */
const RETRY = { baseDelayMs: 1_000, factor: 2, maxDelayMs: 300_000, jitter: 'proportional' } as const;
/** A limit is obeyed with a little more, because its end is a matter of two clocks. */
const LIMIT_MARGIN_MS = 500;
/** A channel that cannot be used at all is asked again after this, unless it says when. */
const CHANNEL_REST_MS = 5_000;
/** What must be left of the lease beyond the longest send, for a pause of this process between check and request. */
const LEASE_MARGIN_MS = 500;
/** A stop leaves a send under way this long, so that its message need not be sent again. */
const STOP_PATIENCE_MS = 1_500;
const SETTLE_AGAIN_MS = 500;

/** Points at which a crash test may end the process. */
export type NotifyFailpoint = 'notify_claimed' | 'notify_sent';

/** How a send ended, for the series: an outcome of the channel, or one that was not tried. */
export type AttemptOutcome = 'sent' | 'limited' | 'transient' | 'permanent';

/** What a worker tells. */
export type WorkerEvent =
  | { readonly kind: 'attempt'; readonly channel: string; readonly outcome: AttemptOutcome }
  | { readonly kind: 'delivered'; readonly claim: Claim; readonly seconds: readonly number[] }
  | {
      readonly kind: 'dead';
      readonly claim: Claim;
      readonly reason: string;
      readonly detail: string;
    }
  | {
      readonly kind: 'retry';
      readonly claim: Claim;
      readonly reason: string;
      readonly detail: string;
      readonly delayMs: number;
    }
  | { readonly kind: 'migrated'; readonly claim: Claim; readonly address: string }
  | { readonly kind: 'lease lost'; readonly claim: Claim };

/** Writes the text of what was claimed: one part per request. */
export type Render = (claim: Claim) => readonly Part[];

/** What a worker needs. */
export interface WorkerOptions {
  readonly db: Database;
  readonly channel: Channel;
  readonly pace: RestRule;
  readonly render: Render;
  readonly holder: string;
  readonly leaseMs: number;
  readonly stormAbove: number;
  readonly random: () => number;
  /** Must not throw. */
  readonly report: (event: WorkerEvent) => void;
  readonly failpoint: (name: NotifyFailpoint) => void;
}

/**
 * One pass: sends at most one request. Resolves with false when nothing was due. Rejects with the database's errors;
 * a claim whose end could not be noted runs out by itself, and its message is sent again.
 */
export async function sendNext(options: WorkerOptions, signal: AbortSignal): Promise<boolean> {
  const { db, channel, holder, leaseMs, stormAbove } = options;
  const claimed = await claimNext(db, { channel: channel.name, holder, leaseMs, stormAbove });
  if (claimed === undefined) return false;
  options.failpoint('notify_claimed');
  const { claim, parts } = await fitted(options, claimed);
  const [first] = claim.messages;
  const done = first!.partsDone;
  const part = parts[done];
  const text = parts.map(({ plain }) => plain).join('\n');
  if (first!.expired || part === undefined) {
    const reason = part === undefined ? 'empty' : 'expired';
    await endDead(options, claim, {
      reason,
      detail: 'the time to live ended before the channel took it',
      text,
    });
    return true;
  }
  if (claim.delayMs > 0) await sleep(claim.delayMs);
  const previous = previousOf(claim, done, part.role);
  // Synchronous up to the request: a process that was frozen after its claim must find out here, not in the chat.
  const leftMs = claim.leaseEndsMs - performance.now();
  if (leftMs < channel.deadlineMs + LEASE_MARGIN_MS) {
    options.report({ kind: 'lease lost', claim });
    return true;
  }
  const outcome = await sendWithin(options, messageOf(claim, part), previous, leftMs, signal);
  options.failpoint('notify_sent');
  await note(options, claim, parts, outcome, text);
  return true;
}

/** A digest is one request: groups that do not fit into it go back and into the next one. */
async function fitted(
  { db, render }: WorkerOptions,
  claim: Claim,
): Promise<{ readonly claim: Claim; readonly parts: readonly Part[] }> {
  const begun = claim.messages[0]!.parts;
  if (begun !== undefined) return { claim, parts: begun };
  let keep = claim.messages.length;
  let parts = render(claim);
  while (keep > 1 && parts.length > 1) {
    keep = Math.ceil(keep / 2);
    parts = render({ ...claim, messages: claim.messages.slice(0, keep) });
  }
  return { claim: keep === claim.messages.length ? claim : await giveBack(db, claim, keep), parts };
}

function messageOf(claim: Claim, part: Part): ChannelMessage {
  const answered = part.role === 'bell' ? claim.messages[0]!.thread?.messageIds[0] : undefined;
  return {
    ...(answered === undefined ? {} : { replyTo: answered }),
    to: { chat: claim.address, ...(claim.topic === 0 ? {} : { thread: claim.topic }) },
    text: part.text,
    plain: part.plain,
    silent: part.silent,
    ...(part.buttons === undefined ? {} : { buttons: part.buttons }),
  };
}

/** The message that this part replaces: the same part of the same incident's message, where it lies still. */
function previousOf(claim: Claim, part: number, role: Part['role']): SentMessage | undefined {
  const [message, ...others] = claim.messages;
  const { thread, group, kind } = message!;
  if (others.length > 0 || thread === undefined || kind === 'notice' || role === 'bell') return undefined;
  if (kind === 'group' && thread.incident !== group?.incident) return undefined;
  const id = thread.messageIds[part];
  return id === undefined ? undefined : { id, chat: thread.address };
}

async function sendWithin(
  { channel }: WorkerOptions,
  message: ChannelMessage,
  previous: SentMessage | undefined,
  leftMs: number,
  stopping: AbortSignal,
): Promise<Outcome> {
  const end = new AbortController();
  const timers = [setTimeout(() => end.abort(), leftMs - LEASE_MARGIN_MS / 2)];
  const onStop = () => timers.push(setTimeout(() => end.abort(), STOP_PATIENCE_MS));
  if (stopping.aborted) onStop();
  else stopping.addEventListener('abort', onStop, { once: true });
  try {
    return await channel.send(message, previous, { signal: end.signal });
  } finally {
    stopping.removeEventListener('abort', onStop);
    for (const timer of timers) clearTimeout(timer);
  }
}

async function note(
  options: WorkerOptions,
  claim: Claim,
  parts: readonly Part[],
  outcome: Outcome,
  text: string,
): Promise<void> {
  const { report, random, pace } = options;
  const { channel } = claim;
  switch (outcome.kind) {
    case 'sent':
      report({ kind: 'attempt', channel, outcome: 'sent' });
      return endSent(options, claim, parts, outcome, text);
    case 'limited': {
      report({ kind: 'attempt', channel, outcome: 'limited' });
      const restMs = outcome.afterSeconds * 1000 + LIMIT_MARGIN_MS;
      const retry = { delayMs: 0, tried: 'not tried', reason: 'limited' } as const;
      const whole = outcome.scope === 'channel' ? { channelRestMs: restMs } : {};
      await persist(options, claim, { chatRestMs: restMs, pace, ...whole }, (sql) =>
        writeRetry(sql, claim, retry),
      );
      return report({
        kind: 'retry',
        claim,
        reason: 'limited',
        detail: `told to wait ${outcome.afterSeconds} s`,
        delayMs: restMs,
      });
    }
    case 'transient': {
      report({ kind: 'attempt', channel, outcome: 'transient' });
      const { reason, detail, scope } = outcome;
      const askedMs = (outcome.afterSeconds ?? 0) * 1000;
      if (scope === 'channel') {
        const channelRestMs = askedMs > 0 ? askedMs : CHANNEL_REST_MS;
        const retry = { delayMs: 0, tried: 'not tried', reason } as const;
        await persist(options, claim, { chatRestMs: 0, channelRestMs, pace: undefined }, (sql) =>
          writeRetry(sql, claim, retry),
        );
        return report({ kind: 'retry', claim, reason, detail, delayMs: channelRestMs });
      }
      const attempt = Math.max(...claim.messages.map(({ attempts }) => attempts));
      const delayMs = Math.max(askedMs, backoffMs(RETRY, attempt, 0, random()));
      const retry = { delayMs, tried: 'tried', reason } as const;
      await persist(options, claim, { chatRestMs: 0, pace }, (sql) => writeRetry(sql, claim, retry));
      return report({ kind: 'retry', claim, reason, detail, delayMs });
    }
    case 'permanent': {
      report({ kind: 'attempt', channel, outcome: 'permanent' });
      const { reason, detail } = outcome;
      const whole = outcome.scope === 'channel' ? { channelRestMs: CHANNEL_REST_MS } : {};
      return endDead(options, claim, { reason, detail, text }, { chatRestMs: 0, pace, ...whole });
    }
    case 'migrated': {
      const retry = { delayMs: 0, tried: 'not tried', reason: 'migrated' } as const;
      const ending = { chatRestMs: 0, pace, address: outcome.chatId };
      await persist(options, claim, ending, (sql) => writeRetry(sql, claim, retry));
      return report({ kind: 'migrated', claim, address: outcome.chatId });
    }
  }
}

async function endSent(
  options: WorkerOptions,
  claim: Claim,
  parts: readonly Part[],
  sent: Outcome & { kind: 'sent' },
  text: string,
): Promise<void> {
  const [message, ...others] = claim.messages;
  const done = message!.partsDone + 1;
  const address = sent.chat === claim.address ? {} : { address: sent.chat };
  const seconds = await persist(
    options,
    claim,
    { chatRestMs: 0, pace: options.pace, ...address },
    async (sql) => {
      if (others.length === 0 && message!.kind !== 'notice' && parts[done - 1]!.role !== 'bell') {
        const target = { channel: claim.channel, chat: claim.chat, thread: claim.topic };
        const before = sameIncident(claim) ? (message!.thread?.messageIds ?? []) : [];
        const all = [...before.slice(0, done - 1), sent.id, ...before.slice(done)];
        // A retired part is not shown again, so it need not be found again.
        const mains = parts.filter(({ role }) => role === 'main').length;
        const ids = done >= parts.filter(({ role }) => role !== 'bell').length ? all.slice(0, mains) : all;
        await storeThread(sql, target, message!.groupKey, message!.group?.incident ?? 0, sent.chat, ids);
      }
      if (done < parts.length) {
        await writeProgress(sql, claim, parts, done);
        return undefined;
      }
      return writeEnd(sql, claim, { state: 'sent', reason: undefined, detail: undefined, text });
    },
  );
  if (seconds !== undefined) options.report({ kind: 'delivered', claim, seconds });
}

function sameIncident(claim: Claim): boolean {
  const { thread, group, partsDone } = claim.messages[0]!;
  return thread !== undefined && (partsDone > 0 || thread.incident === (group?.incident ?? 0));
}

async function endDead(
  options: WorkerOptions,
  claim: Claim,
  end: { readonly reason: string; readonly detail: string; readonly text: string },
  ending: Parameters<typeof settle>[2] = { chatRestMs: 0, pace: undefined },
): Promise<void> {
  await persist(options, claim, ending, (sql) => writeEnd(sql, claim, { state: 'dead', ...end }));
  options.report({ kind: 'dead', claim, reason: end.reason, detail: end.detail });
}

/** Notes the end as often as it takes while the lease holds: an end that is not noted is a message sent twice. */
async function persist<T>(
  { db }: WorkerOptions,
  claim: Claim,
  ending: Parameters<typeof settle>[2],
  write: Parameters<typeof settle<T>>[3],
): Promise<T> {
  for (;;) {
    try {
      return await settle(db, claim, ending, write);
    } catch (error) {
      if (error instanceof ClaimLostError || performance.now() + SETTLE_AGAIN_MS > claim.leaseEndsMs)
        throw error;
      await sleep(SETTLE_AGAIN_MS);
    }
  }
}
