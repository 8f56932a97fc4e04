/** Owns the judgement of one wish: what Alertmanager has and what is wanted in, the one thing that is to be done out. Pure. */
import { commentOf, isSameSet, type Silence } from '../alerts/silence.js';
import { type Wish, whyOf } from './wish.js';

/** How a wish ended: its time came, somebody ended it here or in Alertmanager, or its alert is over. */
export type EndReason = 'time' | 'by hand' | 'in Alertmanager' | 'cleared';

/** What is to be done. `ensure`: see to it that one silence holds, as wished. */
export type Step =
  | { readonly kind: 'ensure' | 'keep' }
  | { readonly kind: 'note'; readonly state: 'absent' | 'present' }
  | { readonly kind: 'end'; readonly reason: EndReason };

/** Alertmanager keeps milliseconds, and writes its own moment where ours has passed. */
const SAME_MOMENT_MS = 1_000;

/**
 * Decides. `found` is every silence with the wish's tag, `firing` how many active alerts it matches. An alert counts as
 * over when it was away for `absentForMs`: an Alertmanager that was just restarted has no alerts at all.
 */
export function planOf(wish: Wish, found: readonly Silence[], firing: number, absentForMs: number): Step {
  if (wish.cancelledBy !== undefined) return { kind: 'end', reason: 'by hand' };
  if (wish.nowMs >= wish.untilMs) return { kind: 'end', reason: 'time' };
  const holding = found.filter(({ state }) => state !== 'expired');
  if (holding.length === 0) {
    const ours = found.find(({ id }) => id === wish.silenceId);
    // A silence that is gone was lost and comes back; one that is still known as expired was ended by somebody.
    if (ours === undefined) return { kind: 'ensure' };
    const isWhole = ours.endsAtMs >= wish.untilMs - SAME_MOMENT_MS;
    return { kind: 'end', reason: isWhole ? 'time' : 'in Alertmanager' };
  }
  if (holding.length > 1 || wish.silenceId !== holding[0]!.id || !isAsWished(wish, holding[0]!))
    return { kind: 'ensure' };
  return wish.kind === 'resolve' ? untilCleared(wish, firing, absentForMs) : { kind: 'keep' };
}

function untilCleared({ nowMs, absentSinceMs }: Wish, firing: number, absentForMs: number): Step {
  if (firing > 0) return absentSinceMs === undefined ? { kind: 'keep' } : { kind: 'note', state: 'present' };
  if (absentSinceMs === undefined) return { kind: 'note', state: 'absent' };
  return nowMs - absentSinceMs < absentForMs ? { kind: 'keep' } : { kind: 'end', reason: 'cleared' };
}

function isAsWished(wish: Wish, { endsAtMs, comment, matchers }: Silence): boolean {
  const hasItsEnd = Math.abs(endsAtMs - wish.untilMs) < SAME_MOMENT_MS;
  return hasItsEnd && comment === commentOf(whyOf(wish), wish.tag) && isSameSet(matchers, wish.matchers);
}
