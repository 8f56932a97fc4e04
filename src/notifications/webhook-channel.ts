/** Owns the channel to an address of your own: each message is one POST of JSON, signed by the secrecy of the address. */
import { createHash } from 'node:crypto';
import { fetchErrorType } from '../instrument/fetch-error.js';
import type { Channel, ChannelMessage, Outcome, SendOptions, TransientReason } from './channel.js';

/** Options of the channel. */
export interface WebhookChannelOptions {
  /** The address of a name; throws when its file cannot be read. Asked for each message, so that it can be replaced. */
  readonly urlOf: (name: string) => string;
  /** Deadline of a request, milliseconds. */
  readonly requestTimeoutMs: number;
  /** Label value of its series. Default `webhook`. */
  readonly name?: string | undefined;
  /** The body of a request. Default `{id, text, silent}`. */
  readonly bodyOf?: ((message: ChannelMessage, id: string) => string) | undefined;
}

/** Longest wait that an address may ask for. */
const MAX_WAIT_SECONDS = 3_600;

/** Posts one body of JSON; the id in the usual one is that of the text, so that whoever takes it can tell a second delivery. */
export class WebhookChannel implements Channel {
  readonly name: string;
  readonly deadlineMs: number;

  constructor(private readonly options: WebhookChannelOptions) {
    this.name = options.name ?? 'webhook';
    this.deadlineMs = options.requestTimeoutMs;
  }

  async send(message: ChannelMessage, _previous?: unknown, { signal }: SendOptions = {}): Promise<Outcome> {
    const { plain, silent, to } = message;
    const { bodyOf } = this.options;
    const id = createHash('sha256').update(plain).digest('hex').slice(0, 16);
    const deadline = AbortSignal.timeout(this.deadlineMs);
    let url: string;
    try {
      url = this.options.urlOf(to.chat);
    } catch {
      return transient('other', false, 'the file with the address cannot be read');
    }
    if (!/^https?:\/\//.test(url) || !URL.canParse(url))
      return {
        kind: 'permanent',
        reason: 'rejected',
        scope: 'chat',
        detail: 'the file does not hold an http address',
      };
    try {
      const answer = await fetch(url, {
        method: 'POST',
        redirect: 'manual',
        headers: { 'content-type': 'application/json' },
        body: bodyOf === undefined ? JSON.stringify({ id, text: plain, silent }) : bodyOf(message, id),
        signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      });
      await answer.body?.cancel();
      return outcomeOf(answer, id, to.chat);
    } catch (error) {
      if (deadline.aborted) return transient('timeout', true, `no answer within ${this.deadlineMs} ms`);
      if (signal?.aborted === true) return transient('aborted', true, 'the send was given up');
      return outcomeOfError(error);
    }
  }
}

function outcomeOf(answer: Response, id: string, chat: string): Outcome {
  const { status } = answer;
  if (answer.ok) return { kind: 'sent', id, chat, how: 'new', form: 'plain' };
  if (status === 429) {
    const asked = Number(answer.headers.get('retry-after') ?? '1');
    const afterSeconds = Math.min(MAX_WAIT_SECONDS, asked > 0 ? asked : 1);
    return { kind: 'limited', afterSeconds, scope: 'chat' };
  }
  if (status >= 500 || status === 408)
    return transient('server_error', false, `the address answered ${status}`);
  const detail = `the address answered ${status}: check it, and what it expects`;
  return { kind: 'permanent', reason: status === 404 ? 'chat_not_found' : 'rejected', scope: 'chat', detail };
}

/** Only the kind of failure goes on: the message of a failed fetch can hold the whole address. */
function outcomeOfError(error: unknown): Outcome {
  const kind = fetchErrorType(error);
  const reason = kind === 'none' ? 'other' : kind;
  const neverArrived = NEVER_ARRIVED.has(reason);
  return transient(reason, !neverArrived, `the address cannot be reached (${reason})`);
}

/** No byte of the request can have arrived. */
const NEVER_ARRIVED: ReadonlySet<string> = new Set(['dns', 'refused', 'unreachable', 'tls']);

function transient(reason: TransientReason, ambiguous: boolean, detail: string): Outcome {
  return { kind: 'transient', reason, ambiguous, scope: 'chat', detail };
}
