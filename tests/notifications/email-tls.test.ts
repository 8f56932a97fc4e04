/** Proves as the real command that mail goes only to a server whose certificate is trusted and its own, else neither password nor text. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { runCli } from '../harness/exporter.js';
import { type FakeMail, type FakeMailOptions, startFakeMail } from '../harness/smtp.js';
import { type Authority, type Certificate, makeAuthority } from '../probes/servers.js';
import { scratch } from './relay.js';

const LOGIN = { user: 'alerts', password: 'hunter2-mail-password' };
const NEVER = '20300101000000Z';

/** Sends the test message as `flowgauge notify test`; `trusted` is the file of an authority. */
async function notify(
  fake: FakeMail,
  tls: 'starttls' | 'implicit',
  trusted?: string,
): Promise<{ readonly exit: unknown; readonly output: string }> {
  const directory = scratch();
  const file = join(directory, 'flowgauge.yml');
  writeFileSync(join(directory, 'password'), LOGIN.password, { mode: 0o600 });
  writeFileSync(
    file,
    `source: { url: postgres://nobody@127.0.0.1/none }
notifications:
  request_timeout: 5s
  email:
    { host: 127.0.0.1, port: ${fake.port}, tls: ${tls}, user: ${LOGIN.user}, password_file: ${join(directory, 'password')}, from: alerts@example.org, to: { oncall: oncall@example.org } }
`,
  );
  const env = trusted === undefined ? {} : { NODE_EXTRA_CA_CERTS: trusted };
  const run = runCli(['notify', 'test', `--config.file=${file}`], env);
  return { exit: await run.exit, output: run.output() };
}

async function mailServer(
  mode: 'starttls' | 'implicit',
  { key, certificate }: Certificate,
  more: FakeMailOptions = {},
): Promise<FakeMail> {
  const tls = { mode, key: readFileSync(key), cert: readFileSync(certificate) };
  const fake = await startFakeMail({ login: LOGIN, tls, ...more });
  onTestFinished(() => fake.close());
  return fake;
}

describe.each(['starttls', 'implicit'] as const)('mail over %s', (mode) => {
  let authority: Authority;
  let stranger: Authority;
  beforeEach(() => {
    authority = makeAuthority(scratch());
    stranger = makeAuthority(scratch());
  });

  it('arrives where the certificate is trusted and names the server', async () => {
    const fake = await mailServer(mode, authority.issue('good', 'IP:127.0.0.1', NEVER));
    const { exit, output } = await notify(fake, mode, authority.file);
    expect([exit, output]).toEqual([0, 'oncall (email): arrived\n']);
    expect(fake.mails()).toMatchObject([{ from: 'alerts@example.org', to: ['oncall@example.org'] }]);
    expect(fake.violations()).toEqual([]);
  });

  it.each<[string, () => Certificate]>([
    ['of an authority that nobody trusts', () => stranger.issue('self', 'IP:127.0.0.1', NEVER)],
    ['of another server', () => authority.issue('other', 'DNS:mail.example.org', NEVER)],
    ['that has run out', () => authority.issue('old', 'IP:127.0.0.1', '20250101000000Z')],
  ])('with a certificate %s hands over nothing', async (_name, certificate) => {
    const fake = await mailServer(mode, certificate());
    const { exit, output } = await notify(fake, mode, authority.file);
    expect(exit).toBe(1);
    expect(output).toMatch(/the certificate of .* is not trusted/);
    expect(output).not.toContain(LOGIN.password);
    expect(fake.mails()).toEqual([]);
    expect(fake.bodies()).toBe(0);
    // Not even the login was begun.
    expect(fake.violations()).toEqual([]);
  });
});
