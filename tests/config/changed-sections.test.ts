/** Owns the proof that two configurations differ exactly where their content does, secrets and files included. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { changedSections, nameOf } from '../../src/config/changed-sections.js';
import { parseConfig } from '../../src/config/load.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

const folder = scratchDirectory('sections');
afterAll(() => removeScratch(folder));

const read = (text: string) => parseConfig(text, { directory: folder, env: {} });
const BASE = `source: { url: 'postgres://a:b@127.0.0.1/app' }
alertmanager: { url: 'http://127.0.0.1:9093' }
`;
const FLOW = (limit: string, more = '') =>
  `${BASE}flows: { tokens: { table: public.tokens, key: id, status: status, statuses: [new, done], limits: { new: { warning: ${limit} } }, moves: ['new>done']${more} } }\n`;
const changed = (one: string, other: string) => changedSections(read(one), read(other)).map(nameOf);

it('nothing differs between two readings of one text', () => {
  writeFileSync(join(folder, 'token'), '1234:abcdefghijklmnopqrstuvwxyz012345678', { mode: 0o600 });
  const full = `${FLOW('1h')}probes: { shop: { kind: http, url: 'https://shop.example.org/?key=a' } }
maintenance: { windows: { weekly: { cron: '0 3 * * SUN', duration: 30m } } }
notifications: { telegram: { token_file: token, chats: { ops: -100123 } } }
`;
  expect(changed(full, full)).toEqual([]);
});

it.each([
  ['thresholds', BASE, `${BASE}thresholds: { minimum_events: 20 }\n`],
  ['health.weights', BASE, `${BASE}health: { weights: { cpu: 0.5 } }\n`],
  ['log.level', BASE, `${BASE}log: { level: debug }\n`],
  ['maintenance', BASE, `${BASE}maintenance: { windows: { w: { cron: '0 3 * * *', duration: 5m } } }\n`],
  ['flows', FLOW('1h'), FLOW('2h')],
  ['flows', FLOW('1h'), FLOW('1h', ', audit_interval: 2m')],
  ['flows', BASE, FLOW('1h')],
  ['resources', BASE, `${BASE}resources: { mountpoints: [/] }\n`],
  ['web', BASE, `${BASE}web: { telemetry_path: /numbers }\n`],
  ['prometheus.url', BASE, `${BASE}prometheus: { url: 'http://127.0.0.1:9090' }\n`],
  ['alertmanager.url', BASE, BASE.replace('9093', '9094')],
])('%s', (name, one, other) => {
  expect(changed(one, other)).toEqual([name]);
  expect(changed(other, one)).toEqual([name]);
});

it('secrets that differ in one letter are different, wherever they stand', () => {
  expect(changed(BASE, BASE.replace('a:b@', 'a:c@'))).toEqual(['source']);
  const probe = (key: string) =>
    `${BASE}probes: { shop: { kind: http, url: 'https://shop.example.org/?key=${key}' } }\n`;
  expect(changed(probe('a'), probe('b'))).toEqual(['probes']);
});

it('one database that is both source and store goes by the name that stands in the file', () => {
  const EMBEDDED = (path: string) => `store: { embedded: ${path} }\n`;
  const TWO = `${BASE}store: { url: 'postgres://a:b@127.0.0.1/other' }\n`;
  expect(changed(EMBEDDED('./one'), EMBEDDED('./two'))).toEqual(['store']);
  expect(changed(BASE, TWO)).toEqual(['store']);
  expect(changed(TWO, BASE)).toEqual(['store']);
  expect(changed(TWO, TWO.replace('/app', '/shop'))).toEqual(['source']);
  expect(changed(BASE, TWO.replace('/app', '/shop'))).toEqual(['source', 'store']);
});
