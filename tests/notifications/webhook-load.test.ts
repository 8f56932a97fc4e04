/** Proves on the real process that a crowd at Alertmanager's webhook gets 200, 4xx or "come back", in bounded memory, and loses nothing. */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type ExporterProcess, eventually } from '../harness/exporter.js';
import { startProxy } from '../harness/proxy.js';
import { account, fakeTelegram, notification } from './relay.js';
import { database, post, postUntilTaken, relayConfig, relayProcess } from './relay-process.js';

const CROWD = 50;
const LIMIT_BYTES = 1_048_576;
/** How soon a crowd is through is a matter of the machine; that each of it is answered is not. */
const PATIENCE_MS = 60_000;

/** The most memory that the process ever had, MiB. */
function peakMiB({ child }: ExporterProcess): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) / 1024;
}

/** A notification just under the limit: hundreds of alerts with long texts. */
function largest(group: string): string {
  const alerts = Array.from({ length: 250 }, (_, i) => ({
    fingerprint: `${group}-${i}-end`,
    annotations: { description: 'long text '.repeat(378) },
  }));
  return notification(alerts, { group });
}

/** A request that says a whole body is coming, and sends only its beginning. */
async function slowBody(url: string, body: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  const head = `POST /api/alerts/webhook HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  await new Promise<void>((resolve) => socket.write(head + body.slice(0, 100), () => resolve()));
  return socket;
}

const isTakenOrComeBack = ({ status, retryAfter }: Awaited<ReturnType<typeof post>>) =>
  status === 200 || (status === 503 && retryAfter === '5');

test('50 notifications of 1 MiB at once: taken or asked to come back, and then nothing is missing', async () => {
  const fresh = await database();
  const telegram = await fakeTelegram();
  const exporter = await relayProcess(relayConfig(fresh.url, telegram, { critical: '100' }, ''));
  const bodies = Array.from({ length: CROWD }, (_, i) => largest(`g${i}`));
  expect(Buffer.byteLength(bodies[0]!)).toBeGreaterThan(0.95 * LIMIT_BYTES);
  expect(Buffer.byteLength(bodies[0]!)).toBeLessThan(LIMIT_BYTES);
  await postUntilTaken(() => exporter.url, notification([{}], { group: 'warm' }));
  const restingMiB = peakMiB(exporter);
  const crowd = await Promise.all(bodies.map((body) => post(exporter.url, body, PATIENCE_MS)));
  expect(crowd.filter((answer) => !isTakenOrComeBack(answer))).toEqual([]);
  const crowdMiB = peakMiB(exporter);
  for (const body of bodies) await postUntilTaken(() => exporter.url, body);
  const stored = await fresh.sql`select count(*)::int as n from flowgauge.alert_events`;
  expect(stored[0]!.n).toBe(CROWD * 250 + 1);
  const refused = crowd.filter(({ status }) => status === 503).length;
  console.log(
    `peak memory: ${Math.round(restingMiB)} MiB at rest, ${Math.round(crowdMiB)} MiB in the crowd; ${refused} of ${crowd.length} asked to come back`,
  );
  // The bodies alone are 50 MiB, as text and as values several times that.
  expect(crowdMiB - restingMiB).toBeLessThan(500);
}, 240_000);

test('wrong bodies in a crowd get 4xx, the good ones between them are taken', async () => {
  const fresh = await database();
  const telegram = await fakeTelegram();
  const exporter = await relayProcess(relayConfig(fresh.url, telegram, { critical: '100' }, ''));
  await postUntilTaken(() => exporter.url, notification([{}], { group: 'warm' }));
  const good = (i: number) => notification([{ fingerprint: `good-${i}` }], { group: `good-${i}` });
  const wrong: readonly (readonly [number, (i: number) => string])[] = [
    [200, good],
    [400, () => '{"version":"4","alerts":['],
    [400, () => ''],
    [400, () => '[]'],
    [400, () => 'null'],
    [400, () => '{"version":"3","alerts":[]}'],
    [400, () => '['.repeat(100_000)],
    [400, () => `{"version":"4","groupKey":"x","alerts":${JSON.stringify(Array(1_001).fill({}))}}`],
    [400, () => notification([{}]).replace('"startsAt":"2026', '"startsAt":"x')],
    [413, () => `${' '.repeat(LIMIT_BYTES)}{}`],
  ];
  const asked = Array.from({ length: CROWD }, (_, i) => ({ i, want: wrong[i % wrong.length]! }));
  const answers = await Promise.all(
    asked.map(async ({ i, want: [want, bodyOf] }) => ({
      i,
      want,
      got: (await post(exporter.url, bodyOf(i), PATIENCE_MS)).status,
    })),
  );
  // A body beyond the limit may also meet a closed connection: it is not read to its end.
  const isRight = ({ want, got }: (typeof answers)[number]) => got === want || (want === 413 && got === 0);
  expect(answers.filter((answer) => !isRight(answer))).toEqual([]);
  await eventually(
    () => account(fresh),
    (a) => a.sent === 6,
    60_000,
  );
}, 120_000);

test('bodies that do not go on hold nobody up', async () => {
  const fresh = await database();
  const telegram = await fakeTelegram();
  const exporter = await relayProcess(relayConfig(fresh.url, telegram, { critical: '100' }, ''));
  await postUntilTaken(() => exporter.url, notification([{}], { group: 'warm' }));
  const slow = await Promise.all(
    Array.from({ length: CROWD }, (_, i) =>
      slowBody(exporter.url, notification([{}], { group: `slow-${i}` })),
    ),
  );
  const quick = await Promise.all(
    Array.from({ length: 10 }, (_, i) => post(exporter.url, notification([{}], { group: `quick-${i}` }))),
  );
  expect(quick.map(({ status }) => status)).toEqual(Array(10).fill(200));
  // Half a notification that breaks off is none.
  for (const socket of slow) socket.destroy();
  expect((await post(exporter.url, notification([{}], { group: 'after' }))).status).toBe(200);
  const groups = await fresh.sql`select group_key from flowgauge.alert_groups where group_key like 'slow-%'`;
  expect(groups).toHaveLength(0);
}, 120_000);

test('a crowd while the store does not answer is asked to come back, each of it', async () => {
  const fresh = await database();
  const telegram = await fakeTelegram();
  const proxy = await startProxy(Number(new URL(fresh.url).port));
  onTestFinished(() => proxy.stop());
  const file = relayConfig(proxy.through(fresh.url), telegram, { critical: '100' }, '');
  const exporter = await relayProcess(file);
  await postUntilTaken(() => exporter.url, notification([{}], { group: 'warm' }));
  const bodies = Array.from({ length: CROWD }, (_, i) => notification([{}], { group: `g${i}` }));
  for (const kind of ['blackhole', 'reset'] as const) {
    proxy.set({ kind });
    const answers = await Promise.all(bodies.map((body) => post(exporter.url, body, PATIENCE_MS)));
    expect([kind, answers.filter(({ status, retryAfter }) => status !== 503 || retryAfter !== '5')]).toEqual([
      kind,
      [],
    ]);
  }
  proxy.set({ kind: 'pass' });
  for (const body of bodies) await postUntilTaken(() => exporter.url, body);
  const groups = await fresh.sql`select count(*)::int as n from flowgauge.alert_groups`;
  expect(groups[0]!.n).toBe(CROWD + 1);
}, 120_000);
