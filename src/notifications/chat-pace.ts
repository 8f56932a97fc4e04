/** Owns how long a chat rests after a request: the pace of its channel, as a value that survives restarts. */
import { earliest, NO_PACE, plan, readPacing } from './pacing.js';

/** What was sent to a chat lately; plain JSON, as the store has it. */
export type Pacing = unknown;

/** The rest after a request to `address` that has just ended, `nowMs` by the database's clock. */
export type RestRule = (
  pacing: Pacing,
  address: string,
  nowMs: number,
) => { readonly pacing: Pacing; readonly restMs: number };

/** Nothing to keep to. */
export const unpaced: RestRule = (pacing) => ({ pacing, restMs: 0 });

/**
 * Telegram's pace. It counts from the end of a request: the next one cannot arrive too early, however long this one
 * was on its way, and a chat has one request under way at a time.
 */
export const telegramRest: RestRule = (pacing, address, nowMs) => {
  const chat = readPacing(pacing).chats[address] ?? { sentAtMs: [] };
  const before = { ...NO_PACE, chats: { [address]: chat } };
  const { state } = plan(before, address, nowMs);
  return { pacing: state, restMs: Math.max(0, earliest(state, address, nowMs) - nowMs) };
};
