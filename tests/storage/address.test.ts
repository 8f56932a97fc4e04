/** Proves what the options of a database URL ask for, and that none that promises protection goes unheard. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Address, parseAddress } from '../../src/storage/address.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { makeAuthority } from '../probes/servers.js';

const folder = scratchDirectory('address');
afterAll(() => removeScratch(folder));
const authority = makeAuthority(folder);
const client = authority.issue(
  'client',
  'DNS:client.example',
  `${new Date().getUTCFullYear() + 1}0102030405Z`,
);
const locked = join(folder, 'locked.key');
execFileSync('openssl', ['ec', '-in', client.key, '-aes256', '-passout', 'pass:a+b c', '-out', locked], {
  stdio: 'ignore',
});
const notAuthority = join(folder, 'plain.txt');
writeFileSync(notAuthority, 'no PEM');

const FAR = 'db.example.org';
const parse = (options: string, host = FAR) => parseAddress(`postgres://u:p@${host}/app?${options}`);

/** How an address is connected to, in a word. */
function wayOf({ tls }: Address): string {
  if (typeof tls !== 'object') return tls === false ? 'plain' : tls;
  if (tls.rejectUnauthorized === false) return 'unchecked';
  return tls.checkServerIdentity === undefined ? 'checked with the name' : 'checked';
}

function refusalOf(options: string, host = FAR): string {
  try {
    return `accepted: ${wayOf(parse(options, host))}`;
  } catch (error) {
    expect(error).toMatchObject({ code: 'DATABASE_URL_INVALID' });
    return (error as Error).message;
  }
}

describe('the encryption that a URL asks for', () => {
  const ROOT = `sslrootcert=${authority.file}`;
  it.each([
    ['', 'prefer'],
    ['ssl=false', 'plain'],
    ['ssl=0', 'plain'],
    ['ssl=1', 'unchecked'],
    ['ssl=false&sslmode=require', 'unchecked'],
    ['sslmode=require', 'unchecked'],
    [`sslmode=require&${ROOT}`, 'checked'],
    [`sslmode=verify-ca&${ROOT}`, 'checked'],
    [`sslmode=verify-full&${ROOT}`, 'checked with the name'],
    ['sslrootcert=system', 'checked with the name'],
    ['sslmode=require&ssl_min_protocol_version=TLSv1.2&ssl_max_protocol_version=TLSv1.3', 'unchecked'],
    // Whoever switches encryption off needs none of the files, also where they are gone.
    ['sslmode=disable&sslrootcert=/no/such&sslcert=/no/such&sslkey=/no/such', 'plain'],
  ])('%s', (options, way) => expect(wayOf(parse(options))).toBe(way));

  it.each([
    ['127.0.0.1', 'plain'],
    ['127.8.9.10', 'plain'],
    ['localhost', 'plain'],
    ['[::1]', 'plain'],
    ['127.attacker.example', 'prefer'],
    ['127.0.0.1.example', 'prefer'],
    [`127.0.0.1:5432,${FAR}:5432`, 'prefer'],
  ])('without an option, to %s', (host, way) => expect(wayOf(parse('', host))).toBe(way));
});

describe('an option that promises protection', () => {
  const PROTECTING = [
    [`sslrootcert=${authority.file}`, 'sslrootcert'],
    [`sslcert=${client.certificate}&sslkey=${client.key}`, 'sslcert'],
    [`sslcrl=${authority.file}`, 'sslcrl'],
    ['ssl_min_protocol_version=TLSv1.3', 'ssl_min_protocol_version'],
    ['ssl_max_protocol_version=TLSv1.2', 'ssl_max_protocol_version'],
  ] as const;
  const cases = PROTECTING.flatMap(([options, name]) =>
    ['', '&sslmode=prefer', '&sslmode=allow'].flatMap((mode) =>
      [FAR, '127.0.0.1'].map((host) => [`${options}${mode}`, host, name] as const),
    ),
  );
  it.each(cases)('%s at %s is refused without a mode that encrypts', (options, host, name) => {
    expect(refusalOf(options, host)).toContain(
      `its ${name} counts only where encryption is sure: add sslmode=verify-full (or require)`,
    );
  });

  it.each([
    [`sslmode=require&sslcrl=${authority.file}`, 'its sslcrl counts only where the certificate is checked'],
    [`sslmode=no-verify&sslrootcert=${authority.file}`, 'its sslrootcert counts only where'],
    ['sslmode=verify-ca', 'its sslmode=verify-ca needs sslrootcert'],
    ['sslmode=verify-ca&sslrootcert=system', 'sslrootcert=system needs sslmode=verify-full'],
  ])('%s is refused', (options, problem) => expect(refusalOf(options)).toContain(problem));
});

describe('an option that cannot be followed', () => {
  it.each([
    ['ssl=require', 'its option ssl is neither true nor false; write sslmode for anything else'],
    ['sslcrldir=/etc/crl', 'its option sslcrldir is not known here: name one file as sslcrl'],
    ['sslaccept=strict', 'its option sslaccept is not known here: write sslmode=verify-full for strict'],
    [
      'sslmode=require&ssl_max_protocol_version=TLSv1.1',
      'its ssl_max_protocol_version is neither TLSv1.2 nor TLSv1.3',
    ],
    [
      'sslmode=require&ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2',
      'its ssl_min_protocol_version is above its ssl_max_protocol_version',
    ],
    [`sslmode=require&sslcert=${folder}&sslkey=${client.key}`, 'of sslcert is no plain file'],
    [`sslmode=require&sslrootcert=${notAuthority}`, 'of sslrootcert is not in PEM form'],
  ])('%s is refused', (options, problem) => expect(refusalOf(options)).toContain(problem));

  it.each(['sslpassword%3Dhunter2', 'sslpassword:hunter2=1', 'sslpassword-hunter2=1', 'ssl%20hunter2'])(
    '%s is refused, and what may be a secret is not repeated',
    (options) => {
      const message = refusalOf(options);
      expect(message).toMatch(/its option ssl(password)?… is unknown/);
      expect(message).not.toContain('hunter2');
    },
  );

  it('a key in the place of its file is not repeated', () => {
    const key = encodeURIComponent('-----BEGIN PRIVATE KEY-----\nhunter2');
    const message = refusalOf(`sslmode=require&sslcert=${client.certificate}&sslkey=${key}`);
    expect(message).toContain('its sslkey holds the text itself: write it into a file and name that');
    expect(message).not.toContain('hunter2');
  });
});

it('a plus sign stays one, in passwords and everywhere, as libpq reads it', () => {
  const files = `sslmode=require&sslcert=${client.certificate}&sslkey=${locked}`;
  expect(wayOf(parse(`${files}&sslpassword=a+b%20c`))).toBe('unchecked');
  expect(parse('application_name=a+b%26c').parameters).toEqual({ application_name: 'a+b&c' });
});

it('the secrets of an address are its password and that of the key', () => {
  const { secrets } = parseAddress('postgres://u:p%40ss@a:5432,b:5433/app?sslmode=disable&sslpassword=k+y');
  expect(secrets()).toEqual(['p@ss', 'k+y']);
  expect(parseAddress('postgres://a/app').secrets()).toEqual([]);
});
