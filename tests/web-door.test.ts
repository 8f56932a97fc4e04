/** Proves that the door lets in who belongs in, whatever others try at the same time, and over every reload. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { createMetrics } from '../src/metrics/registry.js';
import { reloadSeries } from '../src/metrics/reload-series.js';
import { createLogger } from '../src/telemetry/logger.js';
import { openDoor } from '../src/web-door.js';
import { removeScratch, scratchDirectory } from './harness/scratch.js';

const folder = scratchDirectory('door');
afterAll(() => removeScratch(folder));

const HOME = '10.0.0.1';
const fileOf = (password: string, more = '') =>
  `basic_auth_users: { ann: '${hashSync(password, 4)}' }\nflowgauge: { users: { ann: [read] } }\n${more}`;

let doors = 0;
function doorOf(text: string) {
  doors += 1;
  const path = join(folder, `web-${doors}.yml`);
  const write = (next: string) => writeFileSync(path, next);
  write(text);
  const clock = { ms: 1_000_000 };
  const metrics = createMetrics({ processMetrics: 'omit' });
  const door = openDoor({
    web: {
      configFile: path,
      listenAddress: { host: '127.0.0.1', port: 0 },
      telemetryPath: '/metrics',
      externalUrl: undefined,
      allowAnonymousRemote: false,
      adminApi: false,
    },
    metrics,
    series: reloadSeries(metrics, () => 0),
    log: createLogger({ stream: { write() {} }, repeatMs: 0 }),
    isIngestToken: undefined,
    nowMs: () => clock.ms,
  });
  onTestFinished(() => door.close());
  /** `in`, or why not. */
  const ask = async (password: string, remote = HOME) => {
    const authorization = `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`;
    const answer = await door.access.admit({ role: 'scrape', authorization, remote });
    return answer.kind === 'admitted' ? 'in' : answer.refusal;
  };
  /** Wrong passwords from so many other addresses, one after another. */
  const attack = async (tries: number, addresses = 1) => {
    for (let i = 0; i < tries; i += 1) await ask(`wrong${i}`, `10.9.${i % addresses}.9`);
  };
  return { door, clock, write, ask, attack };
}

describe('a password that is used again and again', () => {
  it('stays known, however long others try to guess it', async () => {
    const { clock, ask, attack } = doorOf(fileOf('right'));
    const seen: string[] = [];
    for (let minute = 0; minute < 20; minute += 1) {
      seen.push(await ask('right'));
      clock.ms += 60_000;
      await attack(40, 40);
    }
    expect(seen).toEqual(Array(20).fill('in'));
  });

  it('stays known over a reload that leaves the users as they are', async () => {
    const text = fileOf('right');
    const { door, write, ask, attack } = doorOf(text);
    expect(await ask('right')).toBe('in');
    await attack(100, 100);
    write(`${text}http_server_config: { headers: { X-Frame-Options: deny } }\n`);
    expect(door.reload()).toEqual({ kind: 'taken' });
    expect(await ask('right')).toBe('in');
  });

  it('has to be shown anew when a reload gave the user another hash', async () => {
    const { door, write, ask, attack } = doorOf(fileOf('right'));
    expect(await ask('right')).toBe('in');
    await attack(100, 100);
    write(fileOf('right'));
    expect(door.reload()).toEqual({ kind: 'taken' });
    expect(await ask('right')).toBe('limited');
  });

  it('is forgotten when nobody used it for five minutes', async () => {
    const { clock, ask, attack } = doorOf(fileOf('right'));
    expect(await ask('right')).toBe('in');
    clock.ms += 301_000;
    await attack(100, 100);
    expect(await ask('right')).toBe('limited');
  });
});

describe('a password that nobody used yet', () => {
  it('opens although one address tries without a pause', async () => {
    const { clock, ask, attack } = doorOf(fileOf('right'));
    for (let second = 0; second < 120; second += 1) {
      await attack(3);
      clock.ms += 1_000;
    }
    await attack(3);
    expect(await ask('right')).toBe('in');
  });

  it('must wait while it is guessed from everywhere, and opens after that', async () => {
    const { clock, ask, attack } = doorOf(fileOf('right'));
    await attack(100, 100);
    expect(await ask('right')).toBe('limited');
    clock.ms += 3_000;
    expect(await ask('right')).toBe('in');
  });
});
