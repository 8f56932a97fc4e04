/** Owns the choice of words for what was claimed: a group, a digest of many, the sign of life, or a notice of our own. */
import { createHash } from 'node:crypto';
import { severities } from '../alerts/alert.js';
import { buttonsOf, holdingText } from './chat-buttons.js';
import type { Claim, ClaimedMessage, Part } from './claim.js';
import type { GroupContent } from './groups.js';
import { type MessagePart, renderBatch, renderNotice, renderParts } from './message.js';
import { type DigestEntry, renderDigest } from './message-digest.js';
import { batchSeverity, batchTitle, momentText } from './message-text.js';
import { renderBell } from './message-update.js';

/** The short id that stands in every message: the same for a group's incident whoever sends it and however often. */
export function eventIdOf(key: string, incident: number): string {
  const digest = createHash('sha256').update(`${key}\n${incident}`).digest();
  const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  return [...digest.subarray(0, 7)].map((byte) => letters[byte % letters.length]).join('');
}

/** Whether messages of this chat have buttons. */
export type Buttons = 'with buttons' | 'without buttons';

/** The parts of what was claimed, one per request. `nowMs` is the wall clock. */
export function renderClaim(
  claim: Claim,
  nowMs: number,
  buttons: Buttons = 'without buttons',
): readonly Part[] {
  const [message, ...others] = claim.messages;
  if (others.length > 0) return digestOf(claim.messages);
  switch (message!.kind) {
    case 'group':
      return groupParts(message!, buttons);
    case 'watchdog':
      return watchdogParts(nowMs);
    case 'notice':
      return noticeParts(message!);
  }
}

function groupParts(message: ClaimedMessage, buttons: Buttons): readonly Part[] {
  const { group, thread } = message;
  if (group === undefined || group.alerts.length === 0) return [];
  const id = eventIdOf(group.groupKey, group.incident);
  const note = group.holding === undefined ? undefined : holdingText(group.holding);
  const main = renderBatch(group, id, { note });
  const parts = main.parts.map((part, place): Part => {
    const plain = partOf(part, main.silent || group.holding !== undefined);
    // Under the first part: it stays where it is however many parts the group comes to need.
    return place === 0 && buttons === 'with buttons' ? { ...plain, buttons: buttonsOf(group) } : plain;
  });
  if (thread?.incident !== group.incident) return parts;
  const over = renderParts([{ text: `#${id} needs this part no more, see above`, style: 'italic' }], id);
  const retired = thread.messageIds
    .slice(parts.length)
    .map(() => ({ ...partOf(over[0]!, true), role: 'retired' as const }));
  const bell = renderBell(group.joined, id);
  const rings = bell?.parts.map((part) => ({ ...partOf(part, bell.silent), role: 'bell' as const })) ?? [];
  return [...parts, ...retired, ...rings];
}

function digestOf(messages: readonly ClaimedMessage[]): readonly Part[] {
  const entries = messages.flatMap(({ group }) => (group === undefined ? [] : [entryOf(group)]));
  if (entries.length === 0) return [];
  // Of the first group, which a repeated digest begins with too.
  const first = messages[0]!;
  const digest = renderDigest(entries, eventIdOf(`digest ${first.groupKey}`, first.group?.incident ?? 0));
  return digest.parts.map((part) => partOf(part, digest.silent));
}

function entryOf(group: GroupContent): DigestEntry {
  const firing = group.alerts.filter(({ status }) => status === 'firing').length;
  return {
    eventId: eventIdOf(group.groupKey, group.incident),
    title: batchTitle(group),
    severity: batchSeverity(group),
    firing: firing + group.truncatedAlerts,
    resolved: group.alerts.length - firing,
    sinceMs: Math.min(...group.alerts.map(({ startsAtMs }) => startsAtMs)),
  };
}

function watchdogParts(nowMs: number): readonly Part[] {
  const said = `Alerts come through. Last sign of life ${momentText(nowMs)}; this message is edited, not sent again.`;
  const notice = renderNotice('🐕 Watchdog', said, eventIdOf('watchdog', 0), { silent: true });
  return notice.parts.map((part) => partOf(part, true));
}

function noticeParts({ body, groupKey, rank }: ClaimedMessage): readonly Part[] {
  const [title = '', ...lines] = (body ?? '').split('\n');
  const silent = rank >= severities.indexOf('info');
  const notice = renderNotice(title, lines.join('\n'), eventIdOf(groupKey, 0), { silent });
  return notice.parts.map((part) => partOf(part, silent));
}

function partOf({ text, plain }: MessagePart, silent: boolean): Part {
  return { text, plain, silent, role: 'main' };
}
