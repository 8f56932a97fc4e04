/** Owns the failures that the fake Telegram can be told to make, one by one or by seed. */
import { createRandom } from '../../src/demo/random.js';
import type { TelegramCall } from './telegram-bot.js';

/** What goes wrong with one request. `applied` says whether the message was taken although the sender cannot know it. */
export type TelegramFault =
  | {
      readonly kind: 'answer';
      readonly status: number;
      /** An object is sent as JSON, a text as it is. */
      readonly body: unknown;
      readonly contentType?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly applied?: boolean;
    }
  /** 429 with `retry_after`; the wait is enforced from then on. */
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number }
  /** No answer at all while the connection stays open. */
  | { readonly kind: 'stall'; readonly applied?: boolean }
  /** The connection is broken with RST instead of an answer. */
  | { readonly kind: 'reset'; readonly applied?: boolean }
  /** 200 whose body ends in the middle. */
  | { readonly kind: 'truncated'; readonly applied?: boolean }
  /** The ordinary answer, later. */
  | { readonly kind: 'delay'; readonly ms: number };

/** Asked for each request; undefined lets it pass. */
export type TelegramScript = (call: TelegramCall) => TelegramFault | undefined;

/** Shares of sending requests that fail; the rest passes. */
export interface FaultShares {
  /** Share of failures of all other kinds, 0 to 1. */
  readonly failures: number;
  /** Share of requests that are never answered, 0 to 1. */
  readonly stalls: number;
  /** Longest `retry_after`, seconds. Default 1. */
  readonly maxRetryAfterSeconds?: number;
}

/** Failures by seed: the same seed gives the same failure to the n-th sending request. */
export function seededFaults(seed: number, shares: FaultShares): TelegramScript {
  const random = createRandom(seed).next;
  return ({ method }) => {
    if (method !== 'sendMessage' && method !== 'editMessageText') return undefined;
    const [share, kind, applied, wait] = [random(), random(), random() < 0.5, random()];
    if (share < shares.stalls) return { kind: 'stall', applied };
    if (share >= shares.stalls + shares.failures) return undefined;
    const retryAfterSeconds = 1 + Math.floor(wait * (shares.maxRetryAfterSeconds ?? 1));
    const choices: readonly TelegramFault[] = [
      { kind: 'limited', retryAfterSeconds },
      { kind: 'reset', applied },
      { kind: 'truncated', applied },
      failure(500, 'Internal Server Error'),
      failure(502, 'Bad Gateway'),
      {
        kind: 'answer',
        status: 502,
        body: '<html><body>502 Bad Gateway</body></html>',
        contentType: 'text/html',
      },
      {
        kind: 'answer',
        status: 200,
        body: { ok: false, error_code: 500, description: 'Internal Server Error' },
      },
    ];
    return choices[Math.floor(kind * choices.length)]!;
  };
}

/** An answer with the given error, worded as the Bot API words it. */
export function failure(status: number, description: string, parameters?: object): TelegramFault {
  return {
    kind: 'answer',
    status,
    body: { ok: false, error_code: status, description, ...(parameters && { parameters }) },
  };
}
