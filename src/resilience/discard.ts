/** Owns the letting go of answers that nobody will read. */
import { read } from './classify.js';

/** Cancels the body of a fetch-like response: unread it would hold its connection. Anything else is left alone; never throws. */
export function discard(answer: unknown): void {
  const body = read(answer, 'body');
  const cancel = read(body, 'cancel');
  if (typeof cancel !== 'function') return;
  try {
    void Promise.resolve(cancel.call(body)).catch(() => {});
  } catch {
    // A body that cannot be cancelled is the host's to close.
  }
}
