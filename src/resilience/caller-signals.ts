/** Owns the listening on callers' signals: one listener per signal, however many calls it may abort. */

/** Something that an aborted signal ends. */
export interface Abortable {
  /** Ends it. */
  abort(reason: unknown): void;
}

/** Calls per caller's signal. One listener for all: from the eleventh on, Node prints a warning into the host's log. */
const listening = new WeakMap<AbortSignal, SignalCalls>();

class SignalCalls {
  readonly calls = new Set<Abortable>();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this);
  }

  handleEvent(): void {
    for (const call of [...this.calls]) call.abort(this.#signal.reason);
  }
}

/** Lets the signal end the call. */
export function listen(signal: AbortSignal, call: Abortable): void {
  let known = listening.get(signal);
  if (known === undefined) {
    known = new SignalCalls(signal);
    listening.set(signal, known);
  }
  known.calls.add(call);
}

/** Undoes `listen`; the last call of a signal takes the listener off. */
export function unlisten(signal: AbortSignal, call: Abortable): void {
  const known = listening.get(signal);
  if (known === undefined || !known.calls.delete(call) || known.calls.size > 0) return;
  listening.delete(signal);
  signal.removeEventListener('abort', known);
}
