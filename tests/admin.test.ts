/** Proves the record of administration on a real store: nothing is half begun, every end is written, and what is old goes. */
import { EventEmitter, once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { forgetAuditJob, openAdmin } from '../src/admin.js';
import type { AdminCall } from '../src/http/admin-api.js';
import { createMetrics } from '../src/metrics/registry.js';
import { openDatabase } from '../src/storage/database.js';
import { migrate } from '../src/storage/migrations.js';
import { createLogger } from '../src/telemetry/logger.js';
import { freshDatabase } from './harness/fresh-database.js';
import { startFace } from './http/face.js';

const CALL: AdminCall = {
  caller: 'chief',
  remote: '127.0.0.1',
  method: 'POST',
  route: '/-/reload',
  reason: 'because',
  key: 'key-00000001',
  request: '{"reason":"because"}',
};

async function desk() {
  const fresh = await freshDatabase();
  const store = openDatabase({ url: fresh.url, role: 'store', max: 4, applicationName: 'flowgauge-test' });
  onTestFinished(async () => {
    await store.close(1_000);
    await fresh.drop();
  });
  await migrate(store, { deadlineMs: 20_000 });
  const log = createLogger({ stream: { write() {} }, repeatMs: 0 });
  const admin = openAdmin({
    store,
    metrics: createMetrics({ processMetrics: 'omit' }),
    log,
    reload: () => ({ kind: 'unchanged', applied: [], restartRequired: [] }),
    nowMs: () => 0,
  });
  const lines = async () => {
    const rows = await fresh.sql`
      select phase, reason, detail::text as detail from flowgauge.admin_audit order by id`;
    return rows.map(({ phase, reason, detail }) => `${phase} ${reason} ${detail}`);
  };
  return { fresh, store, admin, lines };
}

it('a look is written down, or said not to be', async () => {
  const { fresh, admin, lines } = await desk();
  const look = { caller: 'chief', remote: '127.0.0.1', method: 'GET', route: '/admin/x' };
  expect(await admin.seen(look)).toBe(true);
  await fresh.sql`alter table flowgauge.admin_audit add constraint full_disk check (id < 0) not valid`;
  expect(await admin.seen(look)).toBe(false);
  expect(await lines()).toEqual(['done null {}']);
});

describe('a call', () => {
  it('whose beginning could not be written down is done when it comes again', async () => {
    const { fresh, admin, lines } = await desk();
    let done = 0;
    const work = () => {
      done += 1;
      return { done };
    };
    await fresh.sql`alter table flowgauge.admin_audit add constraint full_disk check (phase <> 'begun')`;
    expect(await admin.perform(CALL, work)).toEqual({ kind: 'no record' });
    expect(done).toBe(0);
    await fresh.sql`alter table flowgauge.admin_audit drop constraint full_disk`;
    expect(await admin.perform(CALL, work)).toEqual({ kind: 'done', answer: { done: 1 } });
    expect(await admin.perform(CALL, work)).toEqual({ kind: 'repeated', answer: { done: 1 } });
    expect(await lines()).toEqual(['begun because {}', 'done because {"answer": {"done": 1}}']);
  });

  it('that fails says so in the record, and may be tried again with its key', async () => {
    const { admin, lines } = await desk();
    const broken = Object.assign(new Error('words of canary'), { code: 'ECONNREFUSED' });
    await expect(
      admin.perform(CALL, () => {
        throw broken;
      }),
    ).rejects.toBe(broken);
    await expect(admin.perform(CALL, () => Promise.reject('canary'))).rejects.toBe('canary');
    expect(await admin.perform(CALL, async () => 'well')).toEqual({ kind: 'done', answer: 'well' });
    expect(await lines()).toEqual([
      'begun because {}',
      'failed because {"error": "ECONNREFUSED"}',
      'begun because {}',
      'failed because {"error": "UNKNOWN"}',
      'begun because {}',
      'done because {"answer": "well"}',
    ]);
  });

  it('that is under way keeps its key, whoever else comes with it', async () => {
    const { admin } = await desk();
    const work = new EventEmitter();
    const begun = once(work, 'begun');
    const first = admin.perform(CALL, async () => {
      work.emit('begun');
      const [answer] = await once(work, 'end');
      return answer;
    });
    await begun;
    expect(await admin.perform(CALL, () => 'again')).toEqual({ kind: 'key in use' });
    work.emit('end', 'first');
    expect(await first).toEqual({ kind: 'done', answer: 'first' });
    expect(await admin.perform(CALL, () => 'again')).toEqual({ kind: 'repeated', answer: 'first' });
  });

  it.each(['nul\u0000', 'two\nlines', 'escape \u001b[2J'])(
    'with the reason %j is refused as it is',
    async (reason) => {
      const { admin, lines } = await desk();
      const caller = { name: 'chief', grants: ['admin'] as const };
      const { get } = await startFace({
        admin,
        access: { admit: async () => ({ kind: 'admitted', caller }) },
      });
      const answer = await get('/-/reload', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ reason }),
      });
      expect([answer.status, JSON.parse(answer.text).detail]).toEqual([
        400,
        expect.stringContaining('reason'),
      ]);
      expect(await lines()).toEqual([]);
    },
  );
});

it('forgets refused calls after a month and the others after a year, faster than they can come', async () => {
  const { fresh, store, lines } = await desk();
  const put = (phase: string, days: number, rows: number) => fresh.sql`
    insert into flowgauge.admin_audit (at, caller, remote, method, route, phase, reason)
    select now() - make_interval(days => ${days}), 'a', 'b', 'c', 'd', ${phase}, ${days}::int::text
      from generate_series(1, ${rows}::int)`;
  // As many as are written in an hour at most.
  await put('denied', 31, 3_660);
  await put('denied', 29, 1);
  await put('done', 364, 1);
  await put('done', 366, 2);
  await forgetAuditJob(store, () => true).run(new AbortController().signal, () => {});
  expect(await lines()).toEqual(['denied 29 {}', 'done 364 {}']);
});
