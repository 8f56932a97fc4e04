/** Proves the care for silences: made once whatever is lost on the way, made again, ended with the alert, and told at their end. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { alertmanagerAt } from '../../src/alerts/alertmanager.js';
import type { Silence } from '../../src/alerts/silence.js';
import { type ChatSilence, openSilences, wantSilence } from '../../src/notifications/chat-silences.js';
import { judgeSilence, keepSilences, makeSilence } from '../../src/notifications/chat-upkeep.js';
import { eventually } from '../harness/exporter.js';
import { pause } from '../harness/processes.js';
import { plainAlertmanager, textsWith } from './chat.js';
import { account, batch, fakeTelegram, freshStore, startRelay } from './relay.js';

const MATCHERS = [{ name: 'alertname', value: 'FlowStalled', isEqual: true }];
const LABELS = { alertname: 'FlowStalled', severity: 'critical', flow: 'flow-0' };
const GROUP = '{}:{alertname="FlowStalled"}';

const SILENCE: ChatSilence = {
  id: '1',
  tag: 'flowgauge-1',
  kind: 'take',
  groupKey: GROUP,
  incident: 1,
  matchers: MATCHERS,
  owner: 'Anna',
  chat: '100',
  thread: 0,
  severity: 'critical',
  title: 'FlowStalled',
  startsAtMs: 0,
  untilMs: 1_000_000,
  silenceId: 'a',
  absentSinceMs: undefined,
  nowMs: 500_000,
};
const ACTIVE = { state: 'active' } as Silence;
const EXPIRED = { state: 'expired' } as Silence;

test.each<[string, Partial<ChatSilence>, Silence | undefined, number, ReturnType<typeof judgeSilence>]>([
  ['its alert fires', {}, ACTIVE, 1, { kind: 'keep' }],
  ['Alertmanager never knew', { silenceId: undefined }, undefined, 1, { kind: 'make' }],
  ['Alertmanager lost it', {}, undefined, 1, { kind: 'make' }],
  [
    'its end came, and it fires',
    { nowMs: 1_000_000 },
    ACTIVE,
    2,
    { kind: 'end', reason: 'time', page: 'page' },
  ],
  ['its end came, and nothing is there', { nowMs: 1_000_000 }, EXPIRED, 0, { kind: 'note', state: 'absent' }],
  [
    'its end came, and nothing is there for a moment',
    { nowMs: 1_000_000, absentSinceMs: 950_000 },
    undefined,
    0,
    { kind: 'keep' },
  ],
  [
    'its end came, and it is over',
    { nowMs: 1_000_000, absentSinceMs: 900_000 },
    EXPIRED,
    0,
    { kind: 'end', reason: 'time', page: 'quiet' },
  ],
  [
    'its end came, and it is back',
    { nowMs: 1_000_000, absentSinceMs: 900_000 },
    EXPIRED,
    1,
    { kind: 'end', reason: 'time', page: 'page' },
  ],
  ['somebody ended it', {}, EXPIRED, 1, { kind: 'end', reason: 'by hand', page: 'page' }],
  ['somebody ended it, and nothing is there', {}, EXPIRED, 0, { kind: 'note', state: 'absent' }],
  ['a new wish, the old one expired', { silenceId: undefined }, EXPIRED, 1, { kind: 'make' }],
  ['its alert is away', {}, ACTIVE, 0, { kind: 'note', state: 'absent' }],
  ['it is away for a moment', { absentSinceMs: 450_000 }, ACTIVE, 0, { kind: 'keep' }],
  ['it is back', { absentSinceMs: 450_000 }, ACTIVE, 1, { kind: 'note', state: 'present' }],
  ['it is over', { absentSinceMs: 400_000 }, ACTIVE, 0, { kind: 'end', reason: 'resolved', page: 'quiet' }],
  ['silenced, over', { kind: 'silence', absentSinceMs: 400_000 }, ACTIVE, 0, { kind: 'resolve' }],
])('%s', (_name, over, found, firing, expected) => {
  expect(judgeSilence({ ...SILENCE, ...over }, found, firing, 100_000)).toEqual(expected);
});

async function silenced(kind: 'take' | 'silence', durationMs: number, absentForMs = 0) {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram();
  const alertmanager = await plainAlertmanager();
  const { relay } = startRelay({ db, telegram });
  await alertmanager.post(LABELS);
  await relay.http.takeIn(batch([{}]), undefined);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 1,
  );
  const wish = { ...SILENCE, kind, durationMs };
  const { silence } = await wantSilence(db, wish);
  await makeSilence(db, alertmanager.client, silence);
  const keep = () =>
    keepSilences(
      {
        db,
        alertmanager: alertmanager.client,
        absentForMs,
        ttlMs: 60_000,
        takeIn: (over) => relay.http.takeIn(over, undefined),
        wallMs: Date.now,
      },
      new AbortController().signal,
    );
  const ended = () => fresh.sql`select end_reason from flowgauge.chat_silences where ended_at is not null`;
  return { db, fresh, telegram, alertmanager, keep, ended, relay };
}

test('a taken alert that ends takes its silence along, and its message says resolved', async () => {
  const it = await silenced('take', 600_000);
  expect(await it.alertmanager.silences()).toHaveLength(1);
  await it.keep();
  expect(await it.alertmanager.silences()).toHaveLength(1);
  await it.alertmanager.post(LABELS, 'ended');
  await eventually(
    async () => {
      await it.keep();
      return it.ended();
    },
    (rows) => rows.length === 1,
  );
  expect(await it.ended()).toEqual([{ end_reason: 'resolved' }]);
  expect(await it.alertmanager.silences()).toEqual([]);
  await eventually(
    async () => it.telegram.messages('100')[0]!.text,
    (text) => text.includes('resolved: FlowStalled'),
  );
  expect(it.telegram.messages('100')).toHaveLength(1);
});

test('what still fires at the end of its silence rings again', async () => {
  const it = await silenced('silence', 1_500);
  await it.keep();
  expect(textsWith(it.telegram, '100', 'Still firing')).toEqual([]);
  await pause(1_600);
  await it.keep();
  await it.keep();
  expect(await it.ended()).toEqual([{ end_reason: 'time' }]);
  const [text] = await eventually(
    async () => textsWith(it.telegram, '100', 'Still firing'),
    (all) => all.length > 0,
  );
  expect(text).toContain('🔔 Still firing: FlowStalled');
  expect(text).toContain('The silence by Anna is over');
  expect(it.telegram.messages('100').find((m) => m.text === text)!.silent).toBe(false);
  expect(textsWith(it.telegram, '100', 'Still firing')).toHaveLength(1);
});

test('an Alertmanager that was restarted at the end of a silence tells of no end: the alert rings when it is back', async () => {
  const it = await silenced('silence', 1_500, 120_000);
  await it.keep();
  await it.alertmanager.stop('SIGKILL');
  await pause(1_600);
  await expect(it.keep()).rejects.toMatchObject({ code: 'ALERTMANAGER_FAILED' });
  await it.alertmanager.start();
  for (let looks = 0; looks < 3; looks += 1) await it.keep();
  expect(await it.ended()).toEqual([]);
  const [waiting] = await openSilences(it.db);
  expect(waiting!.absentSinceMs).toBeGreaterThan(waiting!.untilMs);
  // A look that fails is no look.
  await it.alertmanager.stop('SIGKILL');
  await expect(it.keep()).rejects.toMatchObject({ code: 'ALERTMANAGER_FAILED' });
  expect(await openSilences(it.db)).toMatchObject([{ absentSinceMs: undefined }]);
  await it.alertmanager.start();
  await it.keep();
  await it.alertmanager.post(LABELS);
  await it.keep();
  expect(await it.ended()).toEqual([{ end_reason: 'time' }]);
  await eventually(
    async () => textsWith(it.telegram, '100', 'Still firing'),
    (all) => all.length === 1,
  );
  expect(textsWith(it.telegram, '100', 'resolved')).toEqual([]);
});

test('an Alertmanager that lost its memory gets its silence back, once', async () => {
  const it = await silenced('take', 600_000);
  await it.alertmanager.stop('SIGKILL');
  await it.alertmanager.start('another');
  await it.alertmanager.post(LABELS);
  expect(await it.alertmanager.silences()).toEqual([]);
  await it.keep();
  await it.keep();
  const [silence, ...others] = await it.alertmanager.silences();
  expect(others).toEqual([]);
  expect(silence!.comment).toBe('Taken by Anna in the chat [flowgauge-1]');
  expect(await openSilences(it.db)).toMatchObject([{ silenceId: silence!.id }]);
});

test('a silence whose confirmation was lost is found by its tag and not made twice', async () => {
  const real = await plainAlertmanager();
  let drops = 1;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const isMade = request.method === 'POST';
    const answer = await fetch(`${real.url}${request.url}`, {
      method: request.method!,
      headers: { 'content-type': 'application/json' },
      ...(isMade ? { body: Buffer.concat(chunks) } : {}),
    });
    const text = await answer.text();
    if (isMade && drops-- > 0) return void response.destroy();
    response.writeHead(answer.status).end(text);
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await eventually(async () => server.listening, Boolean);
  const client = alertmanagerAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const nowMs = Date.now();
  const wish = {
    tag: 'flowgauge-2',
    matchers: MATCHERS,
    startsAtMs: nowMs,
    endsAtMs: nowMs + 600_000,
    createdBy: 'Anna',
    why: 'Taken',
  };
  await expect(client.ensureSilence(wish)).rejects.toMatchObject({ code: 'ALERTMANAGER_FAILED' });
  const [made] = await real.silences();
  expect(await client.ensureSilence(wish)).toBe(made!.id);
  expect(await real.silences()).toHaveLength(1);
});
