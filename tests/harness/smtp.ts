/** Owns the fake mail server of the tests: it insists on the dialogue, the size, the login and CRLF, and fails on request. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** A mail that the server has confirmed. */
export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Head and body as they came, without the doubled dots. */
  readonly raw: string;
}

/** What happens once the whole mail was read: an answer, a broken connection, or nothing. */
export type MailEnd = string | 'reset' | 'stall';

/** How the fake behaves. */
export interface FakeMailOptions {
  /** Asked for as AUTH PLAIN; undefined lets everybody send. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Bytes of a mail at most. Default 100,000. */
  readonly mostBytes?: number;
  /** Key and certificate, PEM. `starttls` offers it and takes no mail before; `implicit` speaks nothing else. */
  readonly tls?: {
    readonly mode: 'starttls' | 'implicit';
    readonly key: Buffer;
    readonly cert: Buffer;
  };
}

/** A running fake. */
export interface FakeMail {
  readonly port: number;
  mails(): readonly ReceivedMail[];
  /** Mails whose body was read to the end, confirmed or not. */
  bodies(): number;
  /** What a client did that it must not: wrong order, bare line ends, a mail without login. */
  violations(): readonly string[];
  /** From now on each mail ends so; undefined confirms it. */
  setEnd(end: MailEnd | undefined): void;
  /** From now on the answer to RCPT TO; undefined accepts. */
  setRecipient(answer: string | undefined): void;
  close(): Promise<void>;
}

/** Starts a fake on a free port of 127.0.0.1. */
export async function startFakeMail(options: FakeMailOptions = {}): Promise<FakeMail> {
  const { login, mostBytes = 100_000, tls } = options;
  const mails: ReceivedMail[] = [];
  const violations: string[] = [];
  const sockets = new Set<Socket>();
  let bodies = 0;
  let end: MailEnd | undefined;
  let recipient: string | undefined;

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    const talker = tls?.mode === 'implicit' ? encrypted(socket) : socket;
    talk(talker);
    if (talker.writable) talker.write('220 fake ESMTP\r\n');
  });

  function encrypted(socket: Socket): TLSSocket {
    const secure = new TLSSocket(socket, { isServer: true, key: tls!.key, cert: tls!.cert });
    // A client that does not trust us ends the handshake.
    secure.on('error', () => {});
    return secure;
  }

  function talk(socket: Socket): void {
    const isSecret = tls === undefined || socket instanceof TLSSocket;
    const say = (line: string) => void (socket.writable && socket.write(`${line}\r\n`));
    let text = '';
    let greeted = false;
    let isKnown = login === undefined;
    let from: string | undefined;
    let to: string[] = [];
    let inBody = false;

    const outOfOrder = (line: string) => {
      violations.push(`out of order: ${line.split(' ')[0]}`);
      say('503 5.5.1 Bad sequence of commands');
    };

    function finish(raw: string) {
      bodies += 1;
      const mail = { from: from!, to, raw: raw.replace(/^\.\./gm, '.') };
      [from, to] = [undefined, []];
      if (/(?<!\r)\n|\r(?!\n)/.test(raw)) violations.push('bare line end');
      if (!/^Message-ID: <[^>]+>\r$/im.test(raw)) violations.push('no Message-ID');
      if (raw.length > mostBytes) return say('552 5.3.4 Message too big');
      if (end === 'reset') return void socket.resetAndDestroy();
      if (end === 'stall') return;
      if (end !== undefined) return say(end);
      mails.push(mail);
      say('250 2.0.0 Ok: queued');
    }

    function command(line: string) {
      const [verb = ''] = line.toUpperCase().split(/[ :]/);
      if (verb === 'QUIT') {
        say('221 2.0.0 Bye');
        socket.end();
      } else if (verb === 'EHLO') {
        greeted = true;
        say(
          `250-fake\r\n250-SIZE ${mostBytes}\r\n250-8BITMIME${isSecret ? '' : '\r\n250-STARTTLS'}${login === undefined ? '' : '\r\n250-AUTH PLAIN'}\r\n250 ENHANCEDSTATUSCODES`,
        );
      } else if (!greeted) {
        outOfOrder(line);
      } else if (verb === 'STARTTLS' && !isSecret) {
        say('220 2.0.0 Ready to start TLS');
        socket.removeAllListeners('data');
        talk(encrypted(socket));
      } else if (!isSecret && verb !== 'RSET') {
        violations.push(`in the clear: ${verb}`);
        say('530 5.7.0 Must issue a STARTTLS command first');
      } else if (verb === 'AUTH') {
        const [, user, password] = Buffer.from(line.split(' ')[2] ?? '', 'base64')
          .toString()
          .split('\0');
        isKnown = login !== undefined && user === login.user && password === login.password;
        say(isKnown ? '235 2.7.0 Accepted' : `535 5.7.8 Bad credentials for ${password}`);
      } else if (verb === 'MAIL') {
        if (!isKnown) violations.push('a mail without login');
        if (!isKnown) return say('530 5.7.0 Authentication required');
        if (from !== undefined) return outOfOrder(line);
        from = /<([^>]*)>/.exec(line)?.[1] ?? '';
        const size = Number(/SIZE=(\d+)/i.exec(line)?.[1] ?? 0);
        say(size > mostBytes ? '552 5.3.4 Message too big' : '250 2.1.0 Ok');
      } else if (verb === 'RCPT') {
        if (from === undefined) return outOfOrder(line);
        if (recipient !== undefined) return say(recipient);
        to.push(/<([^>]*)>/.exec(line)?.[1] ?? '');
        say('250 2.1.5 Ok');
      } else if (verb === 'DATA') {
        if (to.length === 0) return outOfOrder(line);
        inBody = true;
        say('354 End data with <CR><LF>.<CR><LF>');
      } else if (verb === 'RSET') {
        [from, to] = [undefined, []];
        say('250 2.0.0 Ok');
      } else {
        say('502 5.5.2 Not known');
      }
    }

    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      for (;;) {
        const mark = inBody ? '\r\n.\r\n' : '\r\n';
        const at = text.indexOf(mark);
        if (at < 0) return;
        const part = text.slice(0, at);
        text = text.slice(at + mark.length);
        if (inBody) {
          inBody = false;
          finish(`${part}\r\n`);
        } else {
          command(part);
        }
      }
    });
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    mails: () => mails,
    bodies: () => bodies,
    violations: () => violations,
    setEnd(next) {
      end = next;
    },
    setRecipient(next) {
      recipient = next;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
