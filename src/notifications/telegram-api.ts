/** Owns one request to the Bot API: its address with the token in it, its body, and an end without the token in it. */
import type { Secret } from '../config/secret.js';
import { fetchErrorType } from '../instrument/fetch-error.js';
import { createRedactor } from '../telemetry/redaction.js';
import type { TransientReason } from './channel.js';
import type { TelegramReply } from './classify.js';

/** Where the Bot API is and who we are. */
export interface TelegramAccess {
  /** Address of the server without a path behind it that is not its own, for instance `https://api.telegram.org`. */
  readonly apiUrl: string;
  /** The token as it is now: asked for each request, so that a new one needs no restart. */
  readonly token: () => Secret;
}

/** Longest answer that is read; the one to a message is at most about 20 KiB. */
const LONGEST_ANSWER_BYTES = 1_048_576;

/** No byte of the request can have arrived: nothing was carried out. */
const NEVER_ARRIVED: ReadonlySet<TransientReason> = new Set(['dns', 'refused', 'unreachable', 'tls']);

/**
 * Calls a method. Rejects only with the reason of `signal` once that is aborted; everything else that goes wrong is a
 * value. Redirects are not followed: the address holds the token, and another server must not get it.
 */
export async function callTelegram(
  access: TelegramAccess,
  method: string,
  params: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<TelegramReply> {
  const token = access.token().reveal();
  // Anything else could lead the request to another path of the server.
  if (!isTokenShaped(token)) return NO_TOKEN;
  const scrub = createRedactor([token, token.slice(token.indexOf(':') + 1)]).redact;
  try {
    const response = await fetch(`${access.apiUrl.replace(/\/+$/, '')}/bot${token}/${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(params),
      redirect: 'error',
      signal,
    });
    const text = await readLimited(response);
    return { kind: 'reply', status: response.status, body: jsonOf(scrub(text)) };
  } catch (error) {
    signal.throwIfAborted();
    // The error itself goes no further: fetch puts whole addresses into its messages.
    const reason = reasonOf(error);
    const ambiguous = !NEVER_ARRIVED.has(reason);
    return { kind: 'broken', reason, ambiguous, detail: `no answer from Telegram (${reason})` };
  }
}

/** True for a text that can be a token: the bot's number, a colon, letters. */
export function isTokenShaped(token: string): boolean {
  return /^\d{1,20}:[\w-]{1,200}$/.test(token);
}

/** As Telegram itself answers to a token that is none. */
const NO_TOKEN: TelegramReply = {
  kind: 'reply',
  status: 404,
  body: { ok: false, error_code: 404, description: 'the token is not of the form 123456:letters' },
};

function reasonOf(error: unknown): TransientReason {
  const type = fetchErrorType(error);
  return type === 'none' ? 'other' : type;
}

/** Throws when the answer is longer than any of the Bot API, or ends early. */
async function readLimited(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > LONGEST_ANSWER_BYTES) throw new RangeError('the answer does not end');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
