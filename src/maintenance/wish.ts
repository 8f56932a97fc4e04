/** Owns what is wanted of Alertmanager during planned work: a silence with a reason, an owner and an end. */
import type { Matcher } from '../alerts/silence.js';

/** Where a wish comes from: somebody asked for quiet, a configured window is on, or somebody called an alert resolved. */
export const wishKinds = ['maintenance', 'window', 'resolve'] as const;
/** Where a wish comes from. */
export type WishKind = (typeof wishKinds)[number];

/** Label `window` of what somebody asked for by hand. */
export const BY_HAND = 'manual';
/** Who ended a window that the configuration no longer has; such an end is taken back with the configuration. */
export const BY_CONFIGURATION = 'the configuration';
/** Minutes that maintenance may be asked for by HTTP, both included. */
export const DURATION_MINUTES = { least: 1, most: 1_440 } as const;
/** Longest silence of a resolved alert, milliseconds. */
export const LONGEST_RESOLVE_MS = 24 * 3_600_000;

/** A chat that asked, and hears of the end. */
export interface WishChat {
  readonly channel: string;
  readonly chat: string;
  readonly thread: number;
}

/** A wish that has not ended. Moments are milliseconds since the epoch, by the store's clock. */
export interface Wish {
  readonly id: string;
  /** Stands at the end of the silence's comment. */
  readonly tag: string;
  readonly kind: WishKind;
  /** Name of the window; {@link BY_HAND}; the alert's name when it was called resolved. */
  readonly name: string;
  readonly matchers: readonly Matcher[];
  readonly owner: string;
  readonly reason: string;
  /** Undefined when it was not asked for in a chat. */
  readonly chat: WishChat | undefined;
  readonly startsAtMs: number;
  readonly untilMs: number;
  /** Alertmanager's id; undefined while it does not have the wish as it is now. */
  readonly silenceId: string | undefined;
  /** Whether its beginning was told. */
  readonly isAnnounced: boolean;
  /** Since when none of its alerts is active; undefined while one is. */
  readonly absentSinceMs: number | undefined;
  /** Who ended it before its time; undefined while nobody has. */
  readonly cancelledBy: string | undefined;
  readonly nowMs: number;
}

/** A wish that is made now, and ends after `durationMs`. */
export type NewWish = Pick<Wish, 'tag' | 'kind' | 'name' | 'matchers' | 'owner' | 'reason' | 'chat'> & {
  readonly durationMs: number;
};

/**
 * What is known of Alertmanager's silence: `active` when it was last seen to have it as it is wanted, `pending` when
 * not; `ending` when it is over here, and may still hold there.
 */
export type WishState = 'active' | 'pending' | 'ending';

/** The state of a wish that is open. */
export function stateOf({
  cancelledBy,
  nowMs,
  untilMs,
  silenceId,
}: Pick<Wish, 'cancelledBy' | 'nowMs' | 'untilMs' | 'silenceId'>): WishState {
  if (cancelledBy !== undefined || nowMs >= untilMs) return 'ending';
  return silenceId === undefined ? 'pending' : 'active';
}

/** What stands in the silence's comment before its tag. */
export function whyOf({
  kind,
  name,
  owner,
  reason,
}: Pick<Wish, 'kind' | 'name' | 'owner' | 'reason'>): string {
  if (kind === 'window') return `Maintenance window ${name}`;
  const did = kind === 'resolve' ? `${name} called resolved` : 'Maintenance';
  return reason === '' ? `${did} by ${owner}` : `${did} by ${owner}: ${reason}`;
}

/** The tag of a wish, by which its silence is found again; `token` is unique. */
export function tagOf(token: string): string {
  return `flowgauge-${token}`;
}
