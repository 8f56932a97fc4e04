/** Owns the crash test: no commit is lost or counted twice, however often the exporter is killed. `npm run chaos` is its long form. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FAILPOINTS } from '../../src/changes/watcher.js';
import { type PostgresServer, startPostgres } from '../harness/postgres.js';
import { embeddedSourceUrl, stopEmbedded } from './embedded-arena.js';
import { type Arena, killRun, type Verdict } from './kill-run.js';

const LONG = process.env.FLOWGAUGE_CHAOS === 'long';
const SEED = Number(process.env.FLOWGAUGE_CHAOS_SEED ?? 1);
const ROUNDS = LONG ? { randomKills: 200, perFailpoint: 25 } : { randomKills: 6, perFailpoint: 1 };
const TIMEOUT_MS = LONG ? 3_600_000 : 300_000;

const cleanups: (() => Promise<void> | void)[] = [];
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

describe(`killed again and again (seed ${SEED})`, () => {
  it('loses and doubles nothing on an external PostgreSQL, the store in a database of its own', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const server: PostgresServer = await startPostgres();
    cleanups.push(() => server.stop());
    const storeUrl = await server.newDatabase();
    const arena: Arena = {
      name: 'external',
      databases: `source: { url: "${server.url}" }\nstore: { url: "${storeUrl}" }`,
      sourceUrl: () => server.url,
    };
    expectExact(await killRun(arena, { ...ROUNDS, failpoints: FAILPOINTS, random: randomOf(SEED) }));
  });

  it('loses and doubles nothing on the embedded PostgreSQL', { timeout: TIMEOUT_MS }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'flowgauge-embedded-'));
    chmodSync(directory, 0o755);
    const data = join(directory, 'db');
    cleanups.push(async () => {
      await stopEmbedded(data);
      rmSync(directory, { recursive: true, force: true });
    });
    const arena: Arena = {
      name: 'embedded',
      databases: `store: { embedded: "${data}" }`,
      sourceUrl: () => embeddedSourceUrl(data),
    };
    expectExact(await killRun(arena, { ...ROUNDS, failpoints: FAILPOINTS, random: randomOf(SEED + 1) }));
  });
});

function expectExact(verdict: Verdict): void {
  console.log(
    `kills ${verdict.kills}, committed moves ${Object.values(verdict.committed).reduce((a, b) => a + b, 0)}`,
  );
  expect(verdict.counted).toEqual(verdict.committed);
  expect(verdict.stays).toBe(verdict.expectedStays);
  expect(verdict.gauges).toEqual(verdict.living);
  expect(verdict.drift).toBe(0);
}

/** A small generator with a seed, so that a failing run can be repeated. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
