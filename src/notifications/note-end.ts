/** Owns the noting of how a send ended: sent, to be tried again and when, or given up for good. */
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../resilience/backoff.js';
import type { Outcome } from './channel.js';
import { type Claim, ClaimLostError, type Part } from './claim.js';
import { storeThread } from './groups.js';
import { settle, writeEnd, writeProgress, writeRetry } from './outbox.js';
import type { WorkerOptions } from './worker-options.js';

/** The first three waits are 1, 2 and 4 seconds, as people expect; the longest is five minutes. */
const RETRY = { baseDelayMs: 1_000, factor: 2, maxDelayMs: 300_000, jitter: 'proportional' } as const;
/** A limit is obeyed with a little more, because its end is a matter of two clocks. */
const LIMIT_MARGIN_MS = 500;
/** A channel that cannot be used at all is asked again after this, unless it says when. */
const CHANNEL_REST_MS = 5_000;
const SETTLE_AGAIN_MS = 500;

/** Stores the end of a send and tells of it. `text` is the whole message, for the record. */
export async function note(
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
      if (reason === 'circuit_open') {
        const retry = { delayMs: 0, tried: 'not tried', reason } as const;
        await persist(options, claim, { chatRestMs: askedMs, pace: undefined }, (sql) =>
          writeRetry(sql, claim, retry),
        );
        return report({ kind: 'retry', claim, reason, detail, delayMs: askedMs });
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

/** Gives the messages up: dead letters with their reason. */
export async function endDead(
  options: WorkerOptions,
  claim: Claim,
  end: { readonly reason: string; readonly detail: string; readonly text: string },
  ending: Parameters<typeof settle>[2] = { chatRestMs: 0, pace: undefined },
): Promise<void> {
  await persist(options, claim, ending, (sql) => writeEnd(sql, claim, { state: 'dead', ...end }));
  options.report({ kind: 'dead', claim, reason: end.reason, detail: end.detail });
}

/** A claim that came to nothing before its request: its messages wait again, and the chat is free. */
export async function endUntried(options: WorkerOptions, claim: Claim): Promise<void> {
  const retry = { delayMs: 0, tried: 'not tried', reason: 'queued' } as const;
  await persist(options, claim, { chatRestMs: 0, pace: undefined }, (sql) => writeRetry(sql, claim, retry));
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
