/** Owns the channel to a mailbox: one message, one connection, one end, with a deadline from the first byte to the last. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import MailComposer from 'nodemailer/lib/mail-composer';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { Secret } from '../config/secret.js';
import { createRedactor } from '../telemetry/redaction.js';
import type {
  Channel,
  ChannelMessage,
  Outcome,
  SendOptions,
  SentMessage,
  TransientReason,
} from './channel.js';
import { type MailFailure, outcomeOfMail } from './email-reply.js';

/** Where the mail server is and who we are. */
export interface EmailOptions {
  readonly host: string;
  readonly port: number;
  /** `starttls` insists on it: a server that does not offer it gets neither password nor message. */
  readonly tls: 'starttls' | 'implicit' | 'off';
  /** The password is asked for each message, so that a new one needs no restart. */
  readonly login: { readonly user: string; readonly password: () => Secret } | undefined;
  readonly from: string;
  /** Deadline of one send, milliseconds. */
  readonly requestTimeoutMs: number;
}

const LONGEST_SUBJECT = 150;

/**
 * Sends plain text; the first line is the subject. A mail cannot be edited, so what follows on an earlier message
 * answers it and stands beside it. The same text has the same Message-ID: a mailbox can tell a second delivery.
 */
export class EmailChannel implements Channel {
  readonly name = 'email';
  readonly deadlineMs: number;

  constructor(private readonly options: EmailOptions) {
    this.deadlineMs = options.requestTimeoutMs;
  }

  async send(
    message: ChannelMessage,
    previous?: SentMessage,
    { signal }: SendOptions = {},
  ): Promise<Outcome> {
    const deadline = AbortSignal.timeout(this.deadlineMs);
    const end = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    if (end.aborted) return given('aborted', false, 'the send was given up');
    let password: string | undefined;
    try {
      password = this.options.login?.password().reveal();
    } catch {
      return given('unauthorized', false, 'the password_file cannot be read');
    }
    const progress = { wasHandedOver: false };
    try {
      return await this.#deliver(message, previous, password, progress, end);
    } catch (error) {
      if (deadline.aborted)
        return given('timeout', progress.wasHandedOver, `no end within ${this.deadlineMs} ms`);
      if (end.aborted) return given('aborted', progress.wasHandedOver, 'the send was given up');
      return outcomeOfMail(failureOf(error, password, progress.wasHandedOver));
    }
  }

  async #deliver(
    message: ChannelMessage,
    previous: SentMessage | undefined,
    password: string | undefined,
    progress: { wasHandedOver: boolean },
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { host, port, tls, login, from } = this.options;
    const to = message.to.chat;
    const id = messageIdOf(message, from);
    const raw = await new MailComposer(mailOf(message, previous, { from, to, id })).compile().build();
    const connection = new SMTPConnection({
      host,
      port,
      secure: tls === 'implicit',
      requireTLS: tls === 'starttls',
      ignoreTLS: tls === 'off',
      connectionTimeout: this.deadlineMs,
      greetingTimeout: this.deadlineMs,
      socketTimeout: this.deadlineMs,
      dnsTimeout: this.deadlineMs,
    });
    try {
      await untilEnd(connection, signal, (done) => connection.connect(done));
      if (login !== undefined && password !== undefined) {
        const credentials = { user: login.user, pass: password };
        await untilEnd(connection, signal, (done) => connection.login({ credentials }, done));
      }
      // The server asks for the body only after it has agreed to sender and receiver.
      const body = Readable.from(handOver(raw, progress));
      const envelope = { from, to: [to], size: raw.length };
      await untilEnd(connection, signal, (done) => connection.send(envelope, body, done));
      connection.quit();
      return { kind: 'sent', id, chat: to, how: 'new', form: 'plain' };
    } finally {
      // What the server still wants to say after its confirmation changes nothing.
      connection.on('error', () => {});
      connection.close();
    }
  }
}

async function* handOver(raw: Buffer, progress: { wasHandedOver: boolean }): AsyncGenerator<Buffer> {
  progress.wasHandedOver = true;
  yield raw;
}

/** The server ended the connection without a word. */
class ClosedEarly extends Error {}

/** One step of the dialogue: its answer, the connection's failure, or the signal, whichever is first. */
function untilEnd(
  connection: SMTPConnection,
  signal: AbortSignal,
  step: (done: (error?: Error | null) => void) => void,
): Promise<void> {
  signal.throwIfAborted();
  return new Promise<void>((resolve, reject) => {
    const closed = () => reject(new ClosedEarly('closed'));
    const given = () => reject(new Error('given up'));
    const clear = () => {
      connection.off('error', reject);
      connection.off('end', closed);
      signal.removeEventListener('abort', given);
    };
    connection.on('error', reject);
    connection.on('end', closed);
    signal.addEventListener('abort', given, { once: true });
    step((error) => {
      clear();
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
}

function mailOf(
  { plain, silent }: ChannelMessage,
  previous: SentMessage | undefined,
  { from, to, id }: { readonly from: string; readonly to: string; readonly id: string },
): Record<string, unknown> {
  const [first = ''] = plain.split('\n');
  return {
    from,
    to,
    subject: (first.trim() || 'Alert').slice(0, LONGEST_SUBJECT),
    text: `${plain}\n`,
    messageId: id,
    ...(previous === undefined ? {} : { inReplyTo: previous.id, references: previous.id }),
    priority: silent ? 'low' : 'normal',
    // Nobody's absence note shall answer a machine.
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    // Text of an alert must name neither a file nor an address that is fetched into the mail.
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function messageIdOf({ plain, to }: ChannelMessage, from: string): string {
  const digest = createHash('sha256').update(`${to.chat}\n${plain}`).digest('hex').slice(0, 24);
  return `<${digest}@${from.split('@')[1] ?? 'flowgauge'}>`;
}

function failureOf(error: unknown, password: string | undefined, wasHandedOver: boolean): MailFailure {
  const { code, originalCode, responseCode, response, command } = error as Record<string, unknown>;
  const redact = createRedactor(password === undefined ? [] : [password]).redact;
  const own = error instanceof ClosedEarly ? 'ECONNRESET' : code;
  const first = typeof originalCode === 'string' ? originalCode : own;
  return {
    status: typeof responseCode === 'number' ? responseCode : undefined,
    said: redact(typeof response === 'string' ? response.replace(/^\d{3}[ -]/, '') : ''),
    code: typeof first === 'string' ? first : undefined,
    command: typeof command === 'string' ? command : 'CONN',
    wasHandedOver,
  };
}

function given(reason: TransientReason, ambiguous: boolean, detail: string): Outcome {
  return { kind: 'transient', reason, ambiguous, scope: 'chat', detail };
}
