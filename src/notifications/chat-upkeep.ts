/** Owns the care for silences that a chat asked for: made, made again when Alertmanager lost them, ended, told at their end. */

import type { AlertBatch } from '../alerts/alert.js';
import { severities, severityOf } from '../alerts/alert.js';
import { type Alertmanager, AlertmanagerError } from '../alerts/alertmanager.js';
import { isMatched, matchersText, type Silence } from '../alerts/silence.js';
import type { Database } from '../storage/database.js';
import {
  type ChatSilence,
  noteAbsence,
  noteEnd,
  noteMade,
  openSilences,
  refreshMessages,
} from './chat-silences.js';
import { firingBatches } from './firing-groups.js';
import { momentText } from './message-text.js';
import { queueNotice } from './watchdog.js';

/** What is to be done about a silence. */
export type Upkeep =
  | { readonly kind: 'make' }
  | {
      readonly kind: 'end';
      readonly reason: 'time' | 'by hand' | 'resolved';
      readonly page: 'page' | 'quiet';
    }
  | { readonly kind: 'resolve' }
  | { readonly kind: 'note'; readonly state: 'absent' | 'present' }
  | { readonly kind: 'keep' };

/**
 * Decides. `found` is what Alertmanager has by the tag, `firing` how many active alerts it matches. An alert counts as
 * over when it was away for `absentForMs`: an Alertmanager that was just restarted has no alerts at all.
 */
export function judgeSilence(
  silence: ChatSilence,
  found: Silence | undefined,
  firing: number,
  absentForMs: number,
): Upkeep {
  const { nowMs, untilMs, silenceId, absentSinceMs, kind } = silence;
  const isTimeUp = nowMs >= untilMs;
  const isOver = isTimeUp || (silenceId !== undefined && found?.state === 'expired');
  const reason = isTimeUp ? 'time' : 'by hand';
  if (isOver && firing > 0) return { kind: 'end', reason, page: 'page' };
  if (!isOver && (silenceId === undefined || found === undefined)) return { kind: 'make' };
  if (firing > 0) return absentSinceMs === undefined ? { kind: 'keep' } : { kind: 'note', state: 'present' };
  if (absentSinceMs === undefined) return { kind: 'note', state: 'absent' };
  // At the end of the silence too: one look that shows nothing is no word that the alert is over.
  if (nowMs - absentSinceMs < absentForMs) return { kind: 'keep' };
  if (isOver) return { kind: 'end', reason, page: 'quiet' };
  return kind === 'take' ? { kind: 'end', reason: 'resolved', page: 'quiet' } : { kind: 'resolve' };
}

/** What the upkeep needs. */
export interface UpkeepOptions {
  readonly db: Database;
  readonly alertmanager: Alertmanager;
  /** How long an alert must be away before it counts as over, milliseconds. */
  readonly absentForMs: number;
  /** How long a message is tried, milliseconds. */
  readonly ttlMs: number;
  /** Takes in that a group is over: a muted alert's end is told by nobody else. */
  readonly takeIn: (batch: AlertBatch) => Promise<unknown>;
  /** Wall clock in milliseconds. */
  readonly wallMs: () => number;
}

/** One pass over all open silences. Rejects with the errors of the store or of Alertmanager; then the next pass goes on. */
export async function keepSilences(options: UpkeepOptions, signal: AbortSignal): Promise<void> {
  const open = await openSilences(options.db);
  try {
    for (const silence of open) await keepOne(options, silence, signal);
  } catch (error) {
    // Nobody has looked: an alert that came back meanwhile, or a restart, would count as absence.
    const absent = open.filter(({ absentSinceMs }) => absentSinceMs !== undefined);
    if (error instanceof AlertmanagerError)
      for (const { id } of absent) await noteAbsence(options.db, id, 'present');
    throw error;
  }
}

async function keepOne(options: UpkeepOptions, silence: ChatSilence, signal: AbortSignal): Promise<void> {
  const { db, alertmanager, absentForMs } = options;
  const { id, tag, matchers } = silence;
  const found = await alertmanager.findSilence(tag, matchers, signal);
  const firing = (await alertmanager.alerts(matchers, signal)).length;
  const upkeep = judgeSilence(silence, found, firing, absentForMs);
  if (upkeep.kind === 'make') await makeSilence(db, alertmanager, silence, signal);
  if (upkeep.kind === 'note') await noteAbsence(db, id, upkeep.state);
  if (upkeep.kind === 'resolve') await tellOver(options, silence);
  if (upkeep.kind === 'end') await endSilence(options, silence, found, upkeep, firing, signal);
}

/** Brings a wish to Alertmanager; gives its id. Safe to repeat. */
export async function makeSilence(
  db: Database,
  alertmanager: Alertmanager,
  silence: ChatSilence,
  signal?: AbortSignal,
): Promise<string> {
  const { kind, owner, tag, matchers, startsAtMs, untilMs } = silence;
  const did = kind === 'take' ? 'Taken' : 'Silenced';
  const silenceId = await alertmanager.ensureSilence(
    { tag, matchers, startsAtMs, endsAtMs: untilMs, createdBy: owner, why: `${did} by ${owner} in the chat` },
    signal,
  );
  await noteMade(db, silence.id, silenceId);
  return silenceId;
}

async function endSilence(
  options: UpkeepOptions,
  silence: ChatSilence,
  found: Silence | undefined,
  end: Upkeep & { kind: 'end' },
  firing: number,
  signal: AbortSignal,
): Promise<void> {
  const { db, alertmanager, ttlMs } = options;
  if (found !== undefined && found.state !== 'expired') await alertmanager.endSilence(found.id, signal);
  if (firing === 0) await tellOver(options, silence);
  // Before the end is noted: a crash in between pages twice, the other way round it would page nobody.
  if (end.page === 'page') await page(options, silence, firing);
  await noteEnd(db, silence.id, end.reason);
  if (silence.groupKey !== undefined) await refreshMessages(db, silence.groupKey, ttlMs);
}

/** The groups that the silence kept quiet are over: their messages say so, and the history has their end. */
async function tellOver({ db, takeIn, wallMs }: UpkeepOptions, silence: ChatSilence): Promise<void> {
  const endedAtMs = silence.absentSinceMs ?? wallMs();
  for (const batch of await firingBatches(db, endedAtMs)) {
    const isOurs = batch.alerts.every(({ labels }) => isMatched(labels, silence.matchers));
    if (isOurs) await takeIn(batch);
  }
}

/** Alertmanager tells of an alert that it told before only after its repeat_interval, so the end of a silence is told by us. */
async function page({ db, ttlMs }: UpkeepOptions, silence: ChatSilence, firing: number): Promise<void> {
  const { chat, thread, owner, severity, title, untilMs, tag } = silence;
  const rank = Math.min(
    severities.indexOf(severityOf({ labels: { severity } })),
    severities.indexOf('warning'),
  );
  await queueNotice(
    db,
    { channel: 'telegram', chat, thread },
    {
      key: `end of ${tag}`,
      title: `🔔 Still firing: ${title}`,
      body: `The silence by ${owner} is over (until ${momentText(untilMs)}), and ${firing === 1 ? '1 alert fires' : `${firing} alerts fire`} still: ${matchersText(silence.matchers)}`,
      rank,
      ttlMs,
    },
  );
}
