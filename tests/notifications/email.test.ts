/** Proves what a mailbox gets: subject, text, threads; and what each refusal of a mail server means for the message. */
import { expect, onTestFinished, test } from 'vitest';
import { Secret } from '../../src/config/secret.js';
import type { ChannelMessage } from '../../src/notifications/channel.js';
import { EmailChannel, type EmailOptions } from '../../src/notifications/email.js';
import { type FakeMailOptions, startFakeMail } from '../harness/smtp.js';

const MESSAGE: ChannelMessage = {
  to: { chat: 'oncall@example.org' },
  text: '',
  plain: '🔴 critical: FlowStalled · 1 firing\nnothing moves\n.\n.dots at the beginning\nüñí',
  silent: false,
};

async function mailbox(options: FakeMailOptions = {}, over: Partial<EmailOptions> = {}) {
  const fake = await startFakeMail(options);
  onTestFinished(() => fake.close());
  const channel = new EmailChannel({
    host: '127.0.0.1',
    port: fake.port,
    tls: 'off',
    login: undefined,
    from: 'alerts@example.org',
    requestTimeoutMs: 10_000,
    ...over,
  });
  return { fake, channel };
}

const headerOf = (raw: string, name: string) =>
  new RegExp(`^${name}: (.*(?:\\r\\n[ \\t].*)*)`, 'im').exec(raw)?.[1];
const bodyOf = (raw: string) => {
  const text = raw.slice(raw.indexOf('\r\n\r\n') + 4);
  const encoding = headerOf(raw, 'Content-Transfer-Encoding');
  if (encoding === 'base64') return Buffer.from(text, 'base64').toString();
  const whole = text.replace(/=\r\n/g, '');
  const bytes = whole.replace(/=([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return encoding === 'quoted-printable' ? Buffer.from(bytes, 'latin1').toString() : text;
};

test('the first line is the subject, the text is whole, and an answer stands in its thread', async () => {
  const { fake, channel } = await mailbox();
  const first = await channel.send(MESSAGE);
  if (first.kind !== 'sent') return expect.fail(JSON.stringify(first));
  await channel.send(
    { ...MESSAGE, plain: '🟢 resolved: FlowStalled' },
    { id: first.id, chat: MESSAGE.to.chat },
  );
  const [mail, answer] = fake.mails();
  expect(mail).toMatchObject({ from: 'alerts@example.org', to: ['oncall@example.org'] });
  expect(headerOf(mail!.raw, 'Subject')).toContain('=?UTF-8?');
  expect(bodyOf(mail!.raw).replaceAll('\r\n', '\n').trim()).toBe(MESSAGE.plain);
  expect(headerOf(mail!.raw, 'Message-ID')).toBe(first.id);
  expect(headerOf(mail!.raw, 'Auto-Submitted')).toBe('auto-generated');
  expect(headerOf(answer!.raw, 'In-Reply-To')).toBe(first.id);
  // The same text is the same mail, which a mailbox shows once.
  expect(await channel.send(MESSAGE)).toMatchObject({ id: first.id });
  expect(fake.violations()).toEqual([]);
});

test('a text cannot add a header or a recipient', async () => {
  const { fake, channel } = await mailbox();
  await channel.send({ ...MESSAGE, plain: 'a\r\nBcc: x@example.org\rBcc: y@example.org\n\nend' });
  const [mail] = fake.mails();
  expect(mail!.to).toEqual(['oncall@example.org']);
  expect(headerOf(mail!.raw.slice(0, mail!.raw.indexOf('\r\n\r\n')), 'Bcc')).toBeUndefined();
  expect(fake.violations()).toEqual([]);
});

test('a wrong password keeps the messages, and nothing is sent without login', async () => {
  const login = { user: 'alerts', password: 'right' };
  const wrong = { user: 'alerts', password: () => new Secret('hunter2-wrong') };
  const { fake, channel } = await mailbox({ login }, { login: wrong });
  const outcome = await channel.send(MESSAGE);
  expect(outcome).toMatchObject({
    kind: 'transient',
    reason: 'unauthorized',
    scope: 'channel',
    ambiguous: false,
  });
  expect(JSON.stringify(outcome)).not.toContain('hunter2');
  expect(fake.mails()).toEqual([]);
});

test('an unknown address and a mail that is too big are final; nothing is handed over', async () => {
  const { fake, channel } = await mailbox({ mostBytes: 3_000 });
  fake.setRecipient('550 5.1.1 No such user');
  expect(await channel.send(MESSAGE)).toMatchObject({ kind: 'permanent', reason: 'chat_not_found' });
  fake.setRecipient(undefined);
  const long = await channel.send({ ...MESSAGE, plain: 'x'.repeat(4_000) });
  expect(long.kind).toBe('permanent');
  expect(fake.bodies()).toBe(0);
});

test('a server that does not encrypt gets neither password nor message', async () => {
  const login = { user: 'alerts', password: () => new Secret('right') };
  const { fake, channel } = await mailbox(
    { login: { user: 'alerts', password: 'right' } },
    { login, tls: 'starttls' },
  );
  expect(await channel.send(MESSAGE)).toMatchObject({ kind: 'transient', ambiguous: false });
  expect(fake.mails()).toEqual([]);
  expect(fake.violations()).toEqual([]);
});
