/** Proves that a password never leaves a database URL by an error, its causes or an inspection. */
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { freePort } from '../harness/ports.js';
import { failure, one, useDatabase } from './fixture.js';

const CANARY = 'S3cret/Canary@1';
const base = useDatabase();

test('no error text, cause or inspection holds the password', async () => {
  const secret = encodeURIComponent(CANARY);
  const nobody = await freePort();
  const errors: unknown[] = [];
  const opened: unknown[] = [];
  for (const url of [
    `postgres://nobody:${secret}@127.0.0.1:${base.server.port}/app`,
    `postgres://nobody:${secret}@127.0.0.1:${nobody}/app`,
    `postgres://nobody:${secret}@no-such-host.invalid/app`,
    `postgres://postgres:${secret}@127.0.0.1:${base.server.port}/missing`,
    `postgres://postgres:${secret}@127.0.0.1:${base.server.port}/app?sslmode=require`,
  ]) {
    const db = base.open({ url: errors.length % 2 === 0 ? url : { reveal: () => url } });
    opened.push(db);
    errors.push(await failure(one(db, 3000)));
  }
  for (const bad of [
    `postgres://u:${CANARY}@host/db`,
    `postgres://u:12/${CANARY}@host/db`,
    `mysql://u:${CANARY}@host/db`,
    `postgres://u:%${CANARY}@host:x/db`,
    CANARY,
  ]) {
    try {
      base.open({ url: bad });
      expect.fail(`accepted ${bad}`);
    } catch (error) {
      expect(error).toMatchObject({ code: 'DATABASE_URL_INVALID' });
      errors.push(error);
    }
  }
  const printed = errors
    .map((e) => inspect(e, { depth: 10, showHidden: true }) + JSON.stringify(e) + String(e))
    .join('\n');
  for (const trace of [CANARY, secret, 'Canary', 'S3cret']) expect(printed).not.toContain(trace);
  expect(inspect(opened, { depth: 10, showHidden: true })).not.toContain('Canary');
});
