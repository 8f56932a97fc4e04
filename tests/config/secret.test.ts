/** Owns the proof that no secret leaves through a dump, a text or an error. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFlags } from '../../src/config/flags.js';
import { parseConfig } from '../../src/config/load.js';
import { Secret } from '../../src/config/secret.js';

/** Every way a value becomes text in logs, pages and crash reports. */
function dumps(value: unknown): string {
  const error = value instanceof Error ? [value.message, value.stack, JSON.stringify({ ...value })] : [];
  return [
    JSON.stringify(value),
    inspect(value, { depth: 20, showHidden: true, getters: true }),
    `${inspect(value, { customInspect: false, depth: 20, showHidden: true })}`,
    String(value),
    ...error,
  ].join('\n');
}

function outcome(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}

const special = '@:/?#%&=[]{}\'",*!>| -_.';
const password = fc
  .array(fc.constantFrom(...'abcdefghXYZ0189', ...special), { minLength: 6, maxLength: 24 })
  // Marked at both ends, so that a find is the secret and not a chance word of the message.
  .map((characters) => `qQ7${characters.join('')}Zz9`);

/** The secret itself and each long piece of it that survives cutting at a special character. */
function pieces(secret: string): readonly string[] {
  return [
    secret,
    ...secret.split(/[@:/?#%&=[\]{}'",*!>|\s]/).filter((piece) => /qQ7|Zz9/.test(piece) && piece.length >= 6),
  ];
}

describe('a secret', () => {
  it('prints as <secret> in every form and reveals itself only when asked', () => {
    const secret = new Secret('hunter2');
    expect(`${secret}`).toBe('<secret>');
    expect(`${secret as unknown as string}x`).toBe('<secret>x');
    expect(JSON.stringify({ secret })).toBe('{"secret":"<secret>"}');
    expect(inspect({ secret })).toBe('{ secret: <secret> }');
    expect(JSON.stringify(structuredClone({ secret: { ...secret } }))).toBe('{"secret":{}}');
    expect(secret.reveal()).toBe('hunter2');
  });

  it('is in no dump of a good configuration', () => {
    fc.assert(
      fc.property(password, password, (first, second) => {
        const env = {
          DATABASE_URL: `postgres://app:${encodeURIComponent(first)}@db.internal/app`,
          STORE_URL: `postgres://app:${encodeURIComponent(second)}@db.internal/app`,
        };
        const config = parseConfig('', { env });
        const text = dumps(config) + dumps({ config });
        for (const secret of [first, second, encodeURIComponent(first)]) expect(text).not.toContain(secret);
      }),
    );
  });

  const url = (secret: string) => `postgres://app:${secret}@db.internal/app`;
  const yaml = (value: string) => JSON.stringify(value);
  const places: readonly (readonly [string, (secret: string) => () => unknown])[] = [
    ['the URL, unencoded', (s) => () => parseConfig('', { env: { DATABASE_URL: url(s) } })],
    [
      'the URL of another database',
      (s) => () => parseConfig('', { env: { STORE_URL: `mysql://u:${s}@h/x` } }),
    ],
    ['the text of the section', (s) => () => parseConfig(`source: ${yaml(url(s))}`, { env: {} })],
    ['an unquoted text in the file', (s) => () => parseConfig(`source:\n  url: ${url(s)}\n`, { env: {} })],
    ['a flow map in the file', (s) => () => parseConfig(`source: {${url(s)}}`, { env: {} })],
    ['a flow map without a URL', (s) => () => parseConfig(`source: {${s}}`, { env: {} })],
    ['a flow map elsewhere', (s) => () => parseConfig(`flows: {${url(s)}}`, { env: {} })],
    ['a broken quote', (s) => () => parseConfig(`source: {url: "${url(s)}}`, { env: {} })],
    ['an alias', (s) => () => parseConfig(`source: {url: *${s}}`, { env: {} })],
    ['a tag', (s) => () => parseConfig(`source: {url: !${s} x}`, { env: {} })],
    ['a misspelt key', (s) => () => parseConfig(`source: {uri: ${yaml(s)}}`, { env: {} })],
    ['a misspelt section', (s) => () => parseConfig(`database: {password: ${yaml(s)}}`, { env: {} })],
    ['a list of URLs', (s) => () => parseConfig(`source: {url: [${yaml(s)}]}`, { env: {} })],
    ['the name of the secret file', (s) => () => parseConfig('', { env: { DATABASE_URL_FILE: url(s) } })],
    [
      'a DSN as the name of the file',
      (s) => () => parseConfig('', { env: { DATABASE_URL_FILE: `host=h password=${s}` } }),
    ],
    ['the embedded directory', (s) => () => parseConfig(`store: {embedded: ${yaml(url(s))}}`, { env: {} })],
    ['a table', (s) => () => parseConfig(`flows: {t: {table: ${yaml(url(s))}}}`, { env: {} })],
    ['a URL cut short', (s) => () => parseConfig(`log: {level: ${yaml(`postgres://u:${s}`)}}`, { env: {} })],
    ['a flow', (s) => () => parseConfig(`flows: {t: ${yaml(url(s))}}`, { env: {} })],
    ['a key', (s) => () => parseConfig(`flows: {${yaml(url(s))}: {}}`, { env: {} })],
    [
      'the external URL',
      (s) => () => parseConfig(`web: {external_url: ${yaml(`http://u:${s}@h`)}}`, { env: {} }),
    ],
    ['the value of an unknown flag', (s) => () => parseFlags([`--database.url=${url(s)}`])],
    ['an argument', (s) => () => parseFlags([url(s)])],
    ['a flag made of it', (s) => () => parseFlags([`--${url(s)}`])],
  ];

  it.each(places)('is in no error when it stands in %s', (_, place) => {
    fc.assert(
      fc.property(password, (secret) => {
        const text = dumps(outcome(place(secret)));
        for (const piece of pieces(secret)) expect(text).not.toContain(piece);
      }),
      // Texts that YAML takes apart into keys of their own.
      { examples: [['qQ7,aaaaaZz9'], ['qQ7a{aaaaZz9'], ['qQ7a: bbbbbZz9']] },
    );
  });
});
