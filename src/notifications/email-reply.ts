/** Owns the reading of what a mail server says: what each end means for the message, decided from values alone. */
import type { Outcome, TransientReason } from './channel.js';

/** An end without success, as the connection tells it. */
export interface MailFailure {
  /** The three digits of the server's answer; undefined without one. */
  readonly status: number | undefined;
  /** The server's words, without our secret. */
  readonly said: string;
  /** Code of the connection's failure, such as `ECONNREFUSED`. */
  readonly code: string | undefined;
  /** What was under way: `CONN`, `AUTH`, `MAIL FROM`, `RCPT TO`, `DATA` … */
  readonly command: string;
  /** Whether the server has seen the message, so that it may have taken it without our knowing. */
  readonly wasHandedOver: boolean;
}

/** A login that is refused is tried again only after this, seconds: servers lock accounts that insist. */
const REFUSED_LOGIN_SECONDS = 60;
const LONGEST_WAIT_SECONDS = 3_600;

/** The end of a send that failed. */
export function outcomeOfMail(failure: MailFailure): Outcome {
  const { status, said, command, code } = failure;
  if (command === 'STARTTLS' || code === 'ETLS')
    return closed('tls', 'the mail server does not encrypt as tls asks: see its port and its certificate');
  if (/^AUTH\b/.test(command) || status === 530 || status === 534 || status === 535) {
    // Not a dead letter: with the right password everything that waits can still be sent.
    return {
      kind: 'transient',
      reason: 'unauthorized',
      ambiguous: false,
      scope: 'channel',
      afterSeconds: REFUSED_LOGIN_SECONDS,
      detail: `the mail server refuses the login (${status ?? 'no answer'}): check user and password_file`,
    };
  }
  if (status === undefined && code === 'EMESSAGE')
    return {
      kind: 'permanent',
      reason: 'too_long',
      scope: 'chat',
      detail: 'it is larger than the mail server takes',
    };
  if (status === undefined) return broken(failure);
  const detail = `the mail server says ${status} ${JSON.stringify(said.slice(0, 200))} to ${command}`;
  // What it says before it has heard of the message is not about the message.
  if (!/^(MAIL FROM|RCPT TO|DATA)$/.test(command)) return closed('server_error', detail);
  if (status < 500) {
    const wait = waitOf(said);
    if (wait !== undefined) return { kind: 'limited', afterSeconds: wait, scope: 'chat' };
    return { kind: 'transient', reason: 'server_error', ambiguous: false, scope: 'chat', detail };
  }
  if (status === 552 || status === 523)
    return { kind: 'permanent', reason: 'too_long', scope: 'chat', detail };
  const isAboutAddress = command === 'RCPT TO' && (status === 550 || status === 551 || status === 553);
  const reason = isAboutAddress ? 'chat_not_found' : 'rejected';
  return { kind: 'permanent', reason, scope: 'chat', detail };
}

function closed(reason: TransientReason, detail: string): Outcome {
  return { kind: 'transient', reason, ambiguous: false, scope: 'channel', afterSeconds: 30, detail };
}

const REASONS: Readonly<Record<string, TransientReason>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ECONNECTION: 'reset',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  EDNS: 'dns',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'timeout',
  ETLS: 'tls',
};

function broken({ code = 'unknown', wasHandedOver }: MailFailure): Outcome {
  const isTls = /^(ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_SSL)/.test(code);
  const reason = isTls ? 'tls' : (REASONS[code] ?? 'other');
  const detail = `the mail server cannot be used (${code})`;
  return { kind: 'transient', reason, ambiguous: wasHandedOver, scope: 'chat', detail };
}

/** `try again in 300 seconds`, as grey lists and limits say it. */
function waitOf(said: string): number | undefined {
  const [, count, unit] = /\b(?:in|after)\s+(\d{1,5})\s*(s|m)[a-z]*\b/i.exec(said) ?? [];
  if (count === undefined) return undefined;
  const seconds = Number(count) * (unit!.toLowerCase() === 'm' ? 60 : 1);
  return Math.min(LONGEST_WAIT_SECONDS, Math.max(1, seconds));
}
