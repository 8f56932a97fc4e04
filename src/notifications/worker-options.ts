/** Owns what a worker of the outbox is given, and what it tells. */
import type { Database } from '../storage/database.js';
import type { Air } from './air.js';
import type { Channel } from './channel.js';
import type { RestRule } from './chat-pace.js';
import type { Claim, Part } from './claim.js';

/** Points at which a crash test may end the process. */
export type NotifyFailpoint = 'notify_claimed' | 'notify_sent';

/** How a send ended, for the series: an outcome of the channel, or one that was not tried. */
export type AttemptOutcome = 'sent' | 'limited' | 'transient' | 'permanent';

/** What a worker tells. */
export type WorkerEvent =
  | { readonly kind: 'attempt'; readonly channel: string; readonly outcome: AttemptOutcome }
  | { readonly kind: 'delivered'; readonly claim: Claim; readonly seconds: readonly number[] }
  | {
      readonly kind: 'dead';
      readonly claim: Claim;
      readonly reason: string;
      readonly detail: string;
    }
  | {
      readonly kind: 'retry';
      readonly claim: Claim;
      readonly reason: string;
      readonly detail: string;
      readonly delayMs: number;
    }
  | { readonly kind: 'migrated'; readonly claim: Claim; readonly address: string }
  | { readonly kind: 'lease lost'; readonly claim: Claim };

/** Writes the text of what was claimed: one part per request. */
export type Render = (claim: Claim) => readonly Part[];

/** What a worker needs. */
export interface WorkerOptions {
  readonly db: Database;
  readonly channel: Channel;
  readonly pace: RestRule;
  readonly render: Render;
  /** Name of this worker. No two of them that live at the same time may have the same. */
  readonly holder: string;
  readonly leaseMs: number;
  readonly stormAbove: number;
  readonly random: () => number;
  /** Shared by all workers of the channel in this process. */
  readonly air: Air;
  /** Called when something was claimed: there may be more. Must not throw. */
  readonly foundWork: () => void;
  /** Must not throw. */
  readonly report: (event: WorkerEvent) => void;
  readonly failpoint: (name: NotifyFailpoint) => void;
}
