/** Owns what happens when somebody presses a button or writes a command: judged, noted in the audit, done, answered. */
import { createHash } from 'node:crypto';
import { severities } from '../alerts/alert.js';
import { type Alertmanager, AlertmanagerError } from '../alerts/alertmanager.js';
import { matchersOfGroup } from '../alerts/silence.js';
import type { Database } from '../storage/database.js';
import {
  type Answer,
  alertsAnswer,
  detailsAnswer,
  type FlowLine,
  type StuckLines,
  statusAnswer,
  stuckAnswer,
} from './chat-answers.js';
import { type ActionEnd, beginAction, endAction } from './chat-journal.js';
import { type ChatMaintenance, endMaintenance, FOLLOWS, wantMaintenance } from './chat-maintenance.js';
import { type ChatRequest, type ChatWish, COMMANDS } from './chat-request.js';
import {
  type Acknowledged,
  groupOf,
  type NewSilence,
  noteEnd,
  openSilenceOf,
  refreshMessages,
  wantSilence,
} from './chat-silences.js';
import { makeSilence } from './chat-upkeep.js';
import { countOutbox } from './counts.js';
import { durationText } from './message-text.js';
import type { Target } from './target.js';
import { queueNotice } from './watchdog.js';

/** How long *Take it* keeps quiet, unless the alert ends before. Longer than a night shift's repair, shorter than a shift. */
export const TAKE_MS = 4 * 3_600_000;

/** What the actions need. */
export interface ChatActionOptions {
  readonly db: Database;
  readonly alertmanager: Alertmanager;
  /** Accounts that may act, by Telegram's number. */
  readonly users: ReadonlySet<string>;
  /** The configured chat of a chat that may act; undefined for every other. */
  readonly chatOf: (chat: string, chatName: string | undefined) => Promise<string | undefined>;
  /** Name of the alert that is never silenced. */
  readonly watchdog: string;
  /** Undefined where nobody looks after planned work. */
  readonly maintenance: ChatMaintenance | undefined;
  /** How long an answer is tried, milliseconds. */
  readonly ttlMs: number;
  /** Channels that `/status` counts. */
  readonly channels: readonly string[];
  readonly flows: () => readonly FlowLine[];
  readonly stuck: (flow: string, limit: number) => Promise<StuckLines>;
  /** Told of each event that was acknowledged. */
  readonly acknowledged: (events: readonly Acknowledged[]) => void;
  /** Told of each action that has ended. */
  readonly report: (request: ChatRequest, done: ActionEnd) => void;
  /** Wall clock in milliseconds. */
  readonly wallMs: () => number;
}

/**
 * Does what a request asks for, once, however often its update comes. Resolves with the text for the top of the
 * screen, or undefined when it was done before. Rejects with the store's errors; then the update must come again.
 */
export async function act(
  options: ChatActionOptions,
  bot: string,
  request: ChatRequest,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { db, users, report, ttlMs } = options;
  const { from, updateId } = request;
  if (!(await beginAction(db, bot, request))) return undefined;
  const chat = await options.chatOf(from.chat, from.chatName);
  const isAllowed = chat !== undefined && users.has(from.userId);
  const end = isAllowed
    ? await perform(options, { ...request, chat, tag: tagOf(bot, updateId) }, signal).catch(failureOf)
    : refusedTo(chat, from.userId);
  // A stranger gets no message: whoever finds the bot could have it write as often as he likes.
  if (end.answer !== undefined && isAllowed)
    await answer(
      db,
      { channel: 'telegram', chat, thread: from.thread },
      `answer ${bot} ${updateId}`,
      end.answer,
      ttlMs,
    );
  await endAction(db, bot, updateId, end);
  report(request, end);
  return end.detail;
}

interface AllowedRequest extends ChatRequest {
  /** As configured. */
  readonly chat: string;
  /** The same for the same update, so that what it makes is found again. */
  readonly tag: string;
}

function refusedTo(chat: string | undefined, userId: string): ActionEnd {
  const detail =
    chat === undefined
      ? 'This chat is not in notifications.telegram.actions.chats.'
      : `You (${userId}) are not in notifications.telegram.actions.users.`;
  return { outcome: 'refused', detail };
}

/** What Alertmanager does not answer is told to the person who asked; the store's errors go on, and the update comes again. */
function failureOf(error: unknown): ActionEnd {
  if (!(error instanceof AlertmanagerError)) throw error;
  return {
    outcome: 'failed',
    detail: 'Alertmanager does not answer: nothing was changed.',
    answer: { title: '⚠️ Alertmanager does not answer', body: 'Nothing was changed. Try again in a minute.' },
  };
}

async function perform(
  options: ChatActionOptions,
  request: AllowedRequest,
  signal: AbortSignal,
): Promise<ActionEnd> {
  const { alertmanager, db, channels, wallMs } = options;
  const { wish } = request;
  switch (wish.kind) {
    case 'take':
    case 'silence':
    case 'undo':
    case 'details':
      return onGroup(options, request, wish, signal);
    case 'alerts':
      return told(
        alertsAnswer(
          // The sign of life always fires.
          await alertmanager.alerts([{ name: 'alertname', value: options.watchdog, isEqual: false }], signal),
          wallMs(),
        ),
      );
    case 'status':
      return told(statusAnswer(options.flows(), await countOutbox(db, channels)));
    case 'stuck':
      return stuck(options, wish.flow);
    case 'maintenance':
      return wantMaintenance(options.maintenance, {
        ...{ text: wish.text, watchdog: options.watchdog, tag: request.tag, owner: request.from.userName },
        chat: { channel: 'telegram', chat: request.chat, thread: request.from.thread },
      });
    case 'maintenance off':
      return endMaintenance(options.maintenance, request.from.userName);
    case 'help':
      return told({ title: 'Commands', body: COMMANDS });
    case 'unknown button':
      return { outcome: 'refused', detail: 'This button is not known any more.' };
  }
}

async function onGroup(
  options: ChatActionOptions,
  request: AllowedRequest,
  wish: ChatWish & { reference: string; incident: string },
  signal: AbortSignal,
): Promise<ActionEnd> {
  const { db, alertmanager, ttlMs, watchdog, wallMs } = options;
  const { from } = request;
  const group = await groupOf(db, wish.reference, wish.incident);
  if (group === undefined)
    return { outcome: 'refused', detail: 'This incident is over; nothing was changed.' };
  const matchers = matchersOfGroup(group.groupLabels, watchdog);
  if (matchers === undefined)
    return {
      outcome: 'refused',
      detail: 'This message tells of several alerts: silence them in Alertmanager.',
    };
  const title = group.groupLabels.alertname!;
  if (wish.kind === 'details')
    return told(detailsAnswer(title, await alertmanager.alerts(matchers, signal), wallMs()));
  if (wish.kind === 'undo') {
    const held = await openSilenceOf(db, group.groupKey);
    if (held === undefined) return { outcome: 'refused', detail: 'Nobody has it; nothing was changed.' };
    const found = await alertmanager.findSilence(held.tag, held.matchers, signal);
    if (found !== undefined && found.state !== 'expired') await alertmanager.endSilence(found.id, signal);
    await noteEnd(db, held.id, `undone by ${from.userName}`);
    await refreshMessages(db, group.groupKey, ttlMs);
    return { outcome: 'done', detail: `Undone: ${title} is told again.` };
  }
  if (!group.isFiring) return { outcome: 'refused', detail: 'It is over already; nothing was changed.' };
  const isTaken = wish.kind === 'take';
  const durationMs = wish.kind === 'silence' ? wish.hours * 3_600_000 : TAKE_MS;
  const common = {
    tag: request.tag,
    matchers,
    owner: from.userName,
    chat: request.chat,
    thread: from.thread,
  };
  const { groupKey, incident, severity } = group;
  const kind = isTaken ? 'take' : 'silence';
  const wanted: NewSilence = { ...common, kind, groupKey, incident, severity, title, durationMs };
  const outcome = await silence(options, wanted, signal);
  await refreshMessages(db, groupKey, ttlMs);
  const did = isTaken ? `${title} is yours` : `${title} is silenced`;
  const detail = `${did} for ${durationText(durationMs)}.`;
  return outcome === 'done' ? { outcome, detail } : { outcome, detail: `${detail} ${FOLLOWS}` };
}

/** Stored first: what Alertmanager cannot take now is made by the next pass of the upkeep. */
async function silence(
  { db, alertmanager, acknowledged }: ChatActionOptions,
  wanted: NewSilence,
  signal: AbortSignal,
): Promise<'done' | 'pending'> {
  const { silence: stored, acknowledged: events } = await wantSilence(db, wanted);
  acknowledged(events);
  try {
    await makeSilence(db, alertmanager, stored, signal);
    return 'done';
  } catch (error) {
    if (error instanceof AlertmanagerError) return 'pending';
    throw error;
  }
}

async function stuck({ flows, stuck: ask }: ChatActionOptions, flow: string): Promise<ActionEnd> {
  const known = flows().map((one) => one.flow);
  if (!known.includes(flow)) {
    const body = known.length === 0 ? 'No flow is watched.' : `Known: ${known.join(', ')}`;
    return {
      outcome: 'refused',
      detail: 'There is no such flow.',
      answer: { title: 'There is no such flow', body },
    };
  }
  return told(stuckAnswer(flow, await ask(flow, 20)));
}

/** Through the outbox as every message: paced, and not lost when Telegram is away. Behind what is critical. */
async function answer(
  db: Database,
  target: Target,
  key: string,
  { title, body }: Answer,
  ttlMs: number,
): Promise<void> {
  await queueNotice(db, target, { key, title, body, rank: severities.indexOf('error'), ttlMs });
}

function told(text: Answer): ActionEnd {
  return { outcome: 'done', detail: text.title, answer: text };
}

/** The same update gives the same tag: an action that a crash cut in two finds its own silence. */
function tagOf(bot: string, updateId: number): string {
  return `flowgauge-${createHash('sha256').update(`${bot} ${updateId}`).digest('hex').slice(0, 12)}`;
}
