/** Proves that planned work is looked after wish by wish: one that fails stops no other, and whoever leads no more stops. */
import { describe, expect, it } from 'vitest';
import { cancelWishes, wantWish } from '../../src/maintenance/wish-store.js';
import type { Database } from '../../src/storage/database.js';
import { DatabaseTimeoutError } from '../../src/storage/database-errors.js';
import { plainAlertmanager } from '../notifications/chat.js';
import { freshStore } from '../notifications/relay.js';
import { type Fate, frontOf, type SeenRequest } from './front.js';
import { startKeeper, TOKENS } from './keeper.js';

/** A wish in the store that Alertmanager does not know yet. */
function wantFor(db: Database, ...labels: readonly (readonly [name: string, value: string])[]) {
  const matchers = labels.map(([name, value]) => ({ name, value, isEqual: true }));
  return wantWish(db, {
    ...{ tag: `flowgauge-${JSON.stringify(labels)}`, kind: 'maintenance', name: 'manual', owner: 'chief' },
    ...{ reason: '', chat: undefined, matchers, durationMs: 3_600_000 },
  });
}

async function arena(fateOf: (request: SeenRequest) => Fate | Promise<Fate> = () => 'pass') {
  const { db } = await freshStore();
  const alertmanager = await plainAlertmanager();
  const front = await frontOf(alertmanager.url, fateOf);
  const flows = async () =>
    (await alertmanager.silences()).map(
      ({ matchers }) => matchers.find(({ name }) => name === 'flow')?.value,
    );
  const keeper = (isLeader: () => boolean = () => true) =>
    startKeeper({ db, alertmanagerUrl: front.url, isLeader, job: 'by hand' });
  return { db, alertmanager, front, flows, keeper };
}

const isPoison = ({ method, path }: SeenRequest) => method === 'GET' && path.includes('flow="poison"');

describe('a wish that fails', () => {
  it.each([
    ['is no JSON', '<html>'],
    ['does not end', ' '.repeat(9 << 20)],
  ])('because an answer %s keeps no other from its silence', async (_what, body) => {
    const it = await arena((request) => (isPoison(request) ? { body } : 'pass'));
    await wantFor(it.db, ['flow', 'poison']);
    await wantFor(it.db, ['flow', 'tokens']);
    await expect(it.keeper().look()).rejects.toMatchObject({ code: 'ALERTMANAGER_FAILED' });
    expect(await it.flows()).toEqual(['tokens']);
  });

  it('does not keep a silence that came back from its end', async () => {
    const it = await arena((request) => (isPoison(request) ? { body: '<html>' } : 'pass'));
    const { http } = it.keeper();
    const { wish } = await http.enable(TOKENS);
    const [made] = await it.alertmanager.silences();
    await http.disable('chief');
    const { createdBy, comment, startsAt, endsAt, matchers } = made!;
    await fetch(`${it.alertmanager.url}/api/v2/silences`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ createdBy, comment, startsAt, endsAt, matchers }),
    });
    expect(comment).toContain(wish.tag);
    expect(await it.flows()).toEqual(['tokens']);
    await wantFor(it.db, ['flow', 'poison']);
    await expect(it.keeper().look()).rejects.toMatchObject({ code: 'ALERTMANAGER_FAILED' });
    expect(await it.flows()).toEqual([]);
  });

  it('because nobody answers is not followed by others that wait as long', async () => {
    const it = await arena(() => 'silence');
    for (const flow of ['tokens', 'orders', 'mints']) await wantFor(it.db, ['flow', flow]);
    await expect(it.keeper().look()).rejects.toMatchObject({ reach: 'away' });
    expect(it.front.seen('GET', '')).toHaveLength(1);
  });

  it('because the store is away is not followed by others that wait as long', async () => {
    const it = await arena();
    for (const flow of ['tokens', 'orders', 'mints']) await wantFor(it.db, ['flow', flow]);
    const gone = new DatabaseTimeoutError('read maintenance', 5_000, 'the store', 'not-applied');
    const run: Database['run'] = (name, deadlineMs, work) =>
      it.front.seen('GET', '').length === 0 ? it.db.run(name, deadlineMs, work) : Promise.reject(gone);
    const { role, label, up } = it.db;
    const db: Database = {
      role,
      label,
      up,
      run,
      transaction: () => Promise.reject(gone),
      close: async () => {},
    };
    const { look } = startKeeper({ db, alertmanagerUrl: it.front.url, job: 'by hand' });
    await expect(look()).rejects.toBe(gone);
    expect(it.front.seen('GET', '')).toHaveLength(1);
  });
});

it('silences with the same first label are read once for all wishes', async () => {
  const it = await arena();
  for (const flow of ['a', 'b', 'c', 'd']) await wantFor(it.db, ['job', 'flowgauge'], ['flow', flow]);
  const { look } = it.keeper();
  await look();
  const before = it.front.seen('GET', '/silences').length;
  await look();
  expect(it.front.seen('GET', '/silences').length - before).toBe(1);
  expect((await it.flows()).sort()).toEqual(['a', 'b', 'c', 'd']);
});

describe('during a pass', () => {
  it.each([
    ['while it makes a silence makes no other', 'POST', ['tokens']],
    ['while it reads makes none', 'GET', []],
  ])('whoever loses the lead %s, and the next leader goes on', async (_what, during, made) => {
    let leads = true;
    const it = await arena(({ method }) => {
      if (method === during) leads = false;
      return 'pass';
    });
    await wantFor(it.db, ['flow', 'tokens']);
    await wantFor(it.db, ['flow', 'orders']);
    await it.keeper(() => leads).look();
    expect(leads).toBe(false);
    expect(await it.flows()).toEqual(made);
    await it.keeper().look();
    expect((await it.flows()).sort()).toEqual(['orders', 'tokens']);
  });

  it('a wish that somebody ends meanwhile is not made any more', async () => {
    let end = async () => {};
    const it = await arena(async ({ method }): Promise<Fate> => {
      if (method === 'POST') await end();
      return 'pass';
    });
    await wantFor(it.db, ['flow', 'tokens']);
    const { id } = await wantFor(it.db, ['flow', 'orders']);
    end = async () => void (await cancelWishes(it.db, { kinds: ['maintenance'], ids: [id] }, 'Bob'));
    await it.keeper().look();
    expect(it.front.seen('POST', '/silences')).toHaveLength(1);
    expect(await it.flows()).toEqual(['tokens']);
  });
});
