/** Proves with a real server and certificates of our own which encryption a database URL asks for, and what is said when it fails. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/storage/address.js';
import { runCli, writeConfig } from '../harness/exporter.js';
import { freshDatabase } from '../harness/fresh-database.js';
import { unprivilegedAccount } from '../harness/processes.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { makeAuthority } from '../probes/servers.js';
import { failure, useDatabase } from './fixture.js';

const base = useDatabase();
const folder = scratchDirectory('database-tls');
afterAll(() => removeScratch(folder));
const authority = (name: string) => {
  mkdirSync(join(folder, name));
  return makeAuthority(join(folder, name));
};
const [ours, theirs] = [authority('ours'), authority('theirs')];
const ends = `${new Date().getUTCFullYear() + 1}0102030405Z`;
const server = ours.issue('server', 'IP:127.0.0.1', ends);
const client = ours.issue('certain', 'DNS:certain.example', ends);
const locked = join(folder, 'locked.key');
const openssl = (...args: readonly string[]) =>
  execFileSync('openssl', args, { cwd: join(folder, 'ours'), stdio: ['ignore', 'pipe', 'pipe'] });
openssl('ec', '-in', client.key, '-aes256', '-passout', 'pass:open sesame', '-out', locked);
const stranger = theirs.issue('certain', 'DNS:certain.example', ends);

beforeAll(async () => {
  const { dataDirectory, sql } = base.server;
  const account = unprivilegedAccount();
  for (const [from, name] of [
    [server.certificate, 'server.crt'],
    [server.key, 'server.key'],
    [ours.file, 'clients.pem'],
  ] as const) {
    const file = join(dataDirectory, name);
    copyFileSync(from, file);
    chmodSync(file, 0o600);
    if (account) chownSync(file, account.uid, account.gid);
  }
  await sql`create role certain login`;
  await sql`create role encrypted login`;
  const rules = join(dataDirectory, 'pg_hba.conf');
  const kept = readFileSync(rules, 'utf8');
  writeFileSync(
    rules,
    `hostssl all certain 127.0.0.1/32 cert\nhostssl all encrypted 127.0.0.1/32 trust\nhostnossl all certain,encrypted 127.0.0.1/32 reject\n${kept}`,
  );
  await base.server.restart({ ssl: 'on', ssl_ca_file: 'clients.pem' });
});

/** The URL of a role with these options, and another host when one is named. */
const urlOf = (options: string, role = 'encrypted', host = '127.0.0.1') =>
  `postgres://${role}:unused@${host}:${base.server.port}/app?${options}`;
const withClient = ({ key, certificate }: typeof client) => `&sslcert=${certificate}&sslkey=${key}`;

/** Whether the connection of such a URL is encrypted, by the server's word. */
function encrypted(url: string) {
  return base.open({ url, role: 'source' }).run('tls', 10_000, async (sql) => {
    const [row] = await sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
    return row?.ssl as boolean;
  });
}

describe('a server with a certificate of a private authority', () => {
  it.each([
    ['disable on this machine', '', 'postgres', false],
    ['prefer', 'sslmode=prefer', 'encrypted', true],
    ['require', 'sslmode=require', 'encrypted', true],
    ['ssl=true as JDBC writes it', 'ssl=true', 'encrypted', true],
    ['verify-full and its authority', `sslmode=verify-full&sslrootcert=${ours.file}`, 'encrypted', true],
    ['TLS 1.3', `sslmode=require&ssl_min_protocol_version=TLSv1.3`, 'encrypted', true],
    ['a certificate of the client', `sslmode=require${withClient(client)}`, 'certain', true],
    ['both', `sslmode=verify-full&sslrootcert=${ours.file}${withClient(client)}`, 'certain', true],
  ])('is reached with %s', async (_, options, role, expected) => {
    expect(await encrypted(urlOf(options, role))).toBe(expected);
  });

  it.each(['TLSv1.2', 'TLSv1.3'])('speaks %s where the URL allows nothing else', async (version) => {
    const limits = `ssl_min_protocol_version=${version}&ssl_max_protocol_version=${version}`;
    const db = base.open({ url: urlOf(`sslmode=require&${limits}`), role: 'source' });
    const [row] = await db.run(
      'version',
      10_000,
      (sql) => sql`select version from pg_stat_ssl where pid = pg_backend_pid()`,
    );
    expect(row).toEqual({ version });
  });

  it('is reached with a key that needs a password', async () => {
    const files = `sslcert=${client.certificate}&sslkey=${locked}`;
    expect(await encrypted(urlOf(`sslmode=require&${files}&sslpassword=open%20sesame`, 'certain'))).toBe(
      true,
    );
    expect(() => base.open({ url: urlOf(`sslmode=require&${files}&sslpassword=wrong`) })).toThrow(
      'do not belong together, or need another sslpassword',
    );
  });

  it('is left alone once its certificate is withdrawn', async () => {
    const list = join(folder, 'withdrawn.pem');
    const print = () => openssl('ca', '-config', 'server.cnf', '-gencrl', '-crldays', '30', '-out', list);
    const url = urlOf(`sslmode=verify-full&sslrootcert=${ours.file}&sslcrl=${list}`);
    print();
    expect(await encrypted(url)).toBe(true);
    openssl('ca', '-config', 'server.cnf', '-revoke', server.certificate);
    print();
    const error = await failure(encrypted(url));
    expect(error.message).toContain(
      '(CERT_REVOKED: certificate revoked). Look at the certificate of the server',
    );
  });

  it('is reached by another name with verify-ca, and with require that names the authority', async () => {
    for (const mode of ['verify-ca', 'require']) {
      const url = urlOf(`sslmode=${mode}&sslrootcert=${ours.file}`, 'encrypted', 'localhost');
      expect(await encrypted(url)).toBe(true);
    }
  });

  const NAME_THE_AUTHORITY =
    'Its certificate is signed by nobody who is trusted here: name the file with its authority as sslrootcert in the URL.';
  it.each([
    ['another authority', `sslmode=verify-full&sslrootcert=${theirs.file}`, 'encrypted', NAME_THE_AUTHORITY],
    [
      'another authority and require',
      `sslmode=require&sslrootcert=${theirs.file}`,
      'encrypted',
      NAME_THE_AUTHORITY,
    ],
    ['the authorities of the system', 'sslmode=verify-full', 'encrypted', NAME_THE_AUTHORITY],
    ['the authorities of the system, named', 'sslrootcert=system', 'encrypted', NAME_THE_AUTHORITY],
    [
      'no encryption',
      'sslmode=disable',
      'encrypted',
      'The server takes encrypted connections only: add sslmode=verify-full (or require) to the URL.',
    ],
    [
      'no certificate of the client',
      'sslmode=require',
      'certain',
      'The server asks for a certificate: name its files as sslcert and sslkey in the URL.',
    ],
  ])('refuses, or is refused, with %s, and the remedy is named', async (_, options, role, remedy) => {
    const error = await failure(encrypted(urlOf(options, role)));
    expect(error.code).toBe('DATABASE_UNAVAILABLE');
    expect(error.message).toContain(remedy);
    expect(error.message).not.toContain('unused');
  });

  it('refuses a certificate that it does not trust, and its log is where to look', async () => {
    const error = await failure(encrypted(urlOf(`sslmode=require${withClient(stranger)}`, 'certain')));
    expect(error.code).toBe('DATABASE_UNAVAILABLE');
    expect(error.message).toMatch(/look at the log of the server|its log tells why it hung up/);
    expect(base.server.log()).toContain('could not accept SSL connection');
  });

  it('is refused by verify-full under a name that its certificate does not have', async () => {
    const url = urlOf(`sslmode=verify-full&sslrootcert=${ours.file}`, 'encrypted', 'localhost');
    const error = await failure(encrypted(url));
    expect(error.message).toContain('(ERR_TLS_CERT_ALTNAME_INVALID: ');
    expect(error.message).toContain('Write a host into the URL that the certificate names');
  });

  it('makes `flowgauge check` pass, or fail with the remedy on the terminal', async () => {
    await base.server.sql`create table items (id int primary key, status text check (status in ('a', 'b')))`;
    await base.server.sql`grant all on items to encrypted`;
    await base.server.sql`create schema flowgauge authorization encrypted`;
    const checked = async (ca: string) => {
      const url = urlOf(`sslmode=verify-full&sslrootcert=${ca}`);
      const config = writeConfig(
        folder,
        `source: { url: "${url}" }\nstore: { url: "${url}" }\nflows: { items: { table: public.items, key: id, status: status, capture: snapshot } }\n`,
      );
      const run = runCli(['check', `--config.file=${config}`]);
      return { code: await run.exit, text: run.output() };
    };
    expect(await checked(ours.file)).toMatchObject({ code: 0 });
    const refused = await checked(theirs.file);
    expect(refused.code).not.toBe(0);
    expect(refused.text).toContain(NAME_THE_AUTHORITY);
  });
});

it('a server without TLS: require is refused with the remedy, prefer goes on', async () => {
  const plain = await freshDatabase();
  try {
    const error = await failure(encrypted(`${plain.url}?sslmode=require`));
    expect(error.message).toContain('The server seems to speak no TLS: switch ssl on there');
    expect(await encrypted(`${plain.url}?sslmode=prefer`)).toBe(false);
  } finally {
    await plain.drop();
  }
});

describe('options of a URL that cannot be followed', () => {
  it.each([
    ['sslmod=verify-full', 'its option sslmod is unknown; those for TLS are ssl, sslcert,'],
    ['ssl=require', 'its option ssl is neither true nor false; write sslmode for anything else'],
    ['sslmode=verify', 'its sslmode is none of disable,'],
    [
      'sslmode=verify-full&sslrootcert=/no/such.pem',
      'the file "/no/such.pem" of sslrootcert cannot be read (ENOENT)',
    ],
    [
      `sslmode=verify-full&sslrootcert=${join(folder, 'ours', 'serial')}`,
      'of sslrootcert is not in PEM form',
    ],
    [`sslcert=${client.certificate}`, 'sslcert and sslkey are needed together'],
    [
      `sslmode=require&sslcert=${client.certificate}&sslkey=${stranger.key}`,
      'are damaged, do not belong together, or need another sslpassword (ERR_OSSL_X509_KEY_VALUES_MISMATCH)',
    ],
    ['sslmode=require&sslrootcert=system', 'sslrootcert=system needs sslmode=verify-full'],
    [
      'sslmode=require&ssl_min_protocol_version=TLSv1',
      'its ssl_min_protocol_version is neither TLSv1.2 nor TLSv1.3',
    ],
  ])('%s is refused at once', (options, problem) => {
    expect(() => base.open({ url: urlOf(options) })).toThrow(
      expect.objectContaining({ code: 'DATABASE_URL_INVALID', message: expect.stringContaining(problem) }),
    );
  });
});

it('an address shows nobody the key of the client', () => {
  const address = parseAddress(`postgres://u@h/d?sslmode=require${withClient(client)}`);
  const secret = readFileSync(client.key, 'utf8').split('\n')[1]!;
  expect(address.tls).toMatchObject({ rejectUnauthorized: false });
  expect(inspect(address, { depth: 10, showHidden: true }) + JSON.stringify(address)).not.toContain(secret);
});
