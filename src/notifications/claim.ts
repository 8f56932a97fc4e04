/** Owns what a claim is: messages in the hands of a worker, and the right to send them until the lease ends. */
import type { ChannelButton } from './channel.js';
import type { GroupContent, Thread } from './groups.js';

/** What a message is about. */
export type MessageKind = 'group' | 'watchdog' | 'notice';

/** One part of a message, ready to be sent. */
export interface Part {
  readonly text: string;
  readonly plain: string;
  readonly silent: boolean;
  /** `bell` is a new message that answers the group's; `retired` is a part that the group needs no more. */
  readonly role: 'main' | 'retired' | 'bell';
  readonly buttons?: readonly (readonly ChannelButton[])[] | undefined;
}

/** One row of the outbox in the hands of a worker. */
export interface ClaimedMessage {
  readonly id: string;
  readonly kind: MessageKind;
  readonly groupKey: string;
  readonly rank: number;
  readonly attempts: number;
  readonly expired: boolean;
  /** Set once a message of several parts was begun; it is finished as it was. */
  readonly parts: readonly Part[] | undefined;
  readonly partsDone: number;
  readonly body: string | undefined;
  readonly requestId: string | undefined;
  /** How long the message has waited, in milliseconds. */
  readonly ageMs: number;
  readonly group: GroupContent | undefined;
  readonly thread: Thread | undefined;
}

/** The right to send to one chat until the lease ends. */
export interface Claim {
  readonly channel: string;
  readonly chat: string;
  /** Where the chat is now, after migrations. */
  readonly address: string;
  readonly topic: number;
  /** The fence: everything that is written must name it. */
  readonly token: string;
  /** End of the lease on our monotonic clock, counted from before the question. */
  readonly leaseEndsMs: number;
  /** Wait this long before the request, so that the channel as a whole keeps its pace. */
  readonly delayMs: number;
  /** One message, or in a storm many that become one digest. */
  readonly messages: readonly ClaimedMessage[];
}

/** The claim is another's by now: its lease ran out while we were frozen or slow. Nothing was written. */
export class ClaimLostError extends Error {
  readonly code = 'CLAIM_LOST';
  constructor(chat: string, token: string) {
    super(
      `The claim ${token} on chat ${chat} ran out, and another process may have it. Nothing was written; the message is sent by whoever holds it now.`,
    );
    this.name = 'ClaimLostError';
  }
}
