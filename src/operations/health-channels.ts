/** Owns one line per way to people: what waits, what was given up, and how the latest try ended. */

import { attemptOutcomes, messageStates } from '../metrics/notification-series.js';
import type { Metrics } from '../metrics/registry.js';

type AttemptEnd = (typeof attemptOutcomes)[number];

/** One channel. */
export interface ChannelLine {
  readonly channel: string;
  /** As the store has them. */
  readonly messages: Readonly<Record<(typeof messageStates)[number], number>>;
  /** Tries of this process by their end. */
  readonly attempts: Readonly<Record<AttemptEnd, number>>;
  /** How the latest tries ended, and when, to the length of the pause between two looks; undefined before the first. */
  readonly latest: { readonly outcome: AttemptEnd; readonly at: Date } | undefined;
  /** When a message was last delivered, to the same length; undefined when none was since the start. */
  readonly lastSentAt: Date | undefined;
  readonly oldestQueuedAt: Date | undefined;
}

/** Remembers which of the counted ends of each channel rose last. Looked at by a job. */
export class ChannelWatch {
  readonly #seen = new Map<string, Readonly<Record<AttemptEnd, number>>>();
  readonly #latest = new Map<string, { readonly outcome: AttemptEnd; readonly at: Date }>();
  readonly #sent = new Map<string, Date>();

  constructor(
    private readonly metrics: Pick<
      Metrics,
      'notificationAttempts' | 'notificationMessages' | 'notificationOldestQueued'
    >,
    private readonly channels: readonly string[],
  ) {}

  /** Compares with the look before; `nowMs` is the wall clock in milliseconds. */
  look(nowMs: number): void {
    for (const channel of this.channels) {
      const now = this.#attempts(channel);
      const before = this.#seen.get(channel);
      this.#seen.set(channel, now);
      // From the worst to the best: when both rose within one pause, what was delivered shows that the way is open.
      for (const outcome of ['transient', 'permanent', 'limited', 'sent'] as const) {
        if (now[outcome] <= (before?.[outcome] ?? 0)) continue;
        this.#latest.set(channel, { outcome, at: new Date(nowMs) });
        if (outcome === 'sent') this.#sent.set(channel, new Date(nowMs));
      }
    }
  }

  lines(): readonly ChannelLine[] {
    return this.channels.map((channel) => {
      const messages = messageStates.map(
        (state) => [state, this.metrics.notificationMessages.value({ channel, state }) ?? 0] as const,
      );
      const queued = this.metrics.notificationOldestQueued.value({ channel });
      return {
        channel,
        messages: Object.fromEntries(messages) as ChannelLine['messages'],
        attempts: this.#attempts(channel),
        latest: this.#latest.get(channel),
        lastSentAt: this.#sent.get(channel),
        oldestQueuedAt: queued === undefined ? undefined : new Date(queued * 1000),
      };
    });
  }

  #attempts(channel: string): Readonly<Record<AttemptEnd, number>> {
    const ends = attemptOutcomes.map(
      (outcome) => [outcome, this.metrics.notificationAttempts.value({ channel, outcome }) ?? 0] as const,
    );
    return Object.fromEntries(ends) as Record<AttemptEnd, number>;
  }
}
