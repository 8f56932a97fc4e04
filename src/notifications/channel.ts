/** Owns the port of every way out to people: what a channel is given, and the closed set of ends that a send can have. */

/** Where a message goes. Comes from the configuration only, never from an alert. */
export interface Destination {
  /** The channel's own address: a chat's number as text, a URL's name, an e-mail address. */
  readonly chat: string;
  /** Topic of a forum chat; undefined for the chat itself. */
  readonly thread?: number | undefined;
}

/** A button under a message. */
export interface ChannelButton {
  readonly label: string;
  /** What the channel hands back when it is pressed, at most 64 bytes. */
  readonly data: string;
}

/** One message, small enough for one request of its channel. */
export interface ChannelMessage {
  readonly to: Destination;
  /** Text in the channel's own markup, as its `render` made it. */
  readonly text: string;
  /** The same without markup, for the one resend when the markup is refused. */
  readonly plain: string;
  /** True: arrives without a sound. */
  readonly silent: boolean;
  /** Id of an earlier message of the same chat that this one answers. */
  readonly replyTo?: string | undefined;
  /** Rows of buttons; undefined or empty for none. */
  readonly buttons?: readonly (readonly ChannelButton[])[] | undefined;
}

/** A message that the channel has confirmed earlier, and that the new one should replace in place. */
export interface SentMessage {
  readonly id: string;
  /** The chat that it lies in; another one than `to.chat` (after a migration) means: send anew. */
  readonly chat: string;
}

/** How much of the world a `transient`, `limited` or `permanent` end speaks of. */
export const outcomeScopes = ['chat', 'channel'] as const;
/** How much of the world an end speaks of: one chat, or everything that the channel sends. */
export type OutcomeScope = (typeof outcomeScopes)[number];

/** Why a send failed for now; a closed set, fit for a label. */
export const transientReasons = [
  'timeout',
  'reset',
  'refused',
  'dns',
  'unreachable',
  'tls',
  'server_error',
  'bad_answer',
  'circuit_open',
  'unauthorized',
  'aborted',
  'other',
] as const;
/** Why a send failed for now. */
export type TransientReason = (typeof transientReasons)[number];

/** Why a send will never succeed as it is; a closed set, fit for a label. */
export const permanentReasons = [
  'chat_not_found',
  'blocked',
  'no_rights',
  'unauthorized',
  'too_long',
  'empty',
  'rejected',
] as const;
/** Why a send will never succeed as it is. */
export type PermanentReason = (typeof permanentReasons)[number];

/** How a send ended. No text in it holds the channel's secret. */
export type Outcome =
  | {
      readonly kind: 'sent';
      /** The channel's id of the message, for a later edit or reply. */
      readonly id: string;
      readonly chat: string;
      /** `edited` and `unchanged` rang no bell; `plain`: the markup was refused, the plain form was taken. */
      readonly how: 'new' | 'edited' | 'unchanged';
      readonly form: 'markup' | 'plain';
    }
  | {
      /** The channel asked to wait. Nothing was delivered. Nobody may send to that chat (or channel) before. */
      readonly kind: 'limited';
      readonly afterSeconds: number;
      readonly scope: OutcomeScope;
    }
  | {
      /** Worth another try later. */
      readonly kind: 'transient';
      readonly reason: TransientReason;
      /** True: the channel may have delivered it all the same, so another try may be a duplicate. */
      readonly ambiguous: boolean;
      /** `channel`: no message of this channel can be sent now; this one was not tried. */
      readonly scope: OutcomeScope;
      /** Earliest moment at which another try makes sense, where that is known. */
      readonly afterSeconds?: number | undefined;
      /** For people. */
      readonly detail: string;
    }
  | {
      /** Never to be tried again as it is: a dead letter. */
      readonly kind: 'permanent';
      readonly reason: PermanentReason;
      readonly scope: OutcomeScope;
      /** For people: what the channel said, and the remedy. */
      readonly detail: string;
    }
  | {
      /** The chat has a new address: store it, and send there. Nothing was delivered. */
      readonly kind: 'migrated';
      readonly chatId: string;
    };

/** What may be given along with a send. */
export interface SendOptions {
  /** Ends the send early: the process stops, or the lease of the claim runs out. */
  readonly signal?: AbortSignal | undefined;
}

/** A way out to people. */
export interface Channel {
  /** Label value of its series. */
  readonly name: string;
  /** Longest time that `send` can take, milliseconds: what a claim's lease must exceed. */
  readonly deadlineMs: number;
  /**
   * Delivers the message with at most one request that can deliver something; replaces `previous` in place where
   * that is given and possible, else sends a new message that answers it. Never rejects, never retries by itself,
   * always ends within `deadlineMs`.
   */
  send(message: ChannelMessage, previous?: SentMessage, options?: SendOptions): Promise<Outcome>;
}
