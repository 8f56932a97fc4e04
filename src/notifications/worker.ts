/** Owns one pass of the sender: claim, write the message, send it while the lease holds, note how it ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelMessage, Outcome, SentMessage } from './channel.js';
import type { Claim, Part } from './claim.js';
import { claimNext } from './claim-next.js';
import { endDead, endUntried, note } from './note-end.js';
import { giveBack } from './outbox.js';
import type { WorkerOptions } from './worker-options.js';

/** What must be left of the lease beyond the longest send, for a pause of this process between check and request. */
const LEASE_MARGIN_MS = 500;
/** A stop leaves a send under way this long, so that its message need not be sent again. */
const STOP_PATIENCE_MS = 1_500;

/**
 * One pass: sends at most one request. Resolves with false when nothing was due. Rejects with the database's errors;
 * a claim whose end could not be noted is left, and the next pass under the same name begins with it.
 */
export async function sendNext(options: WorkerOptions, signal: AbortSignal): Promise<boolean> {
  const { db, channel, holder, leaseMs, stormAbove } = options;
  const claimed = await claimNext(db, { channel: channel.name, holder, leaseMs, stormAbove });
  if (claimed === undefined) return false;
  options.foundWork();
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
  const flight = await options.air.enter(signal);
  if (flight === undefined) {
    await endUntried(options, claim);
    return false;
  }
  try {
    // Synchronous up to the request: a process that was frozen after its claim must find out here, not in the chat.
    const leftMs = claim.leaseEndsMs - performance.now();
    if (leftMs < channel.deadlineMs + LEASE_MARGIN_MS) {
      options.report({ kind: 'lease lost', claim });
      return true;
    }
    const previous = previousOf(claim, done, part.role);
    const outcome = await sendWithin(options, messageOf(claim, part), previous, leftMs, signal);
    flight.answered();
    options.failpoint('notify_sent');
    await note(options, claim, parts, outcome, text);
    return true;
  } finally {
    flight.landed();
  }
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
