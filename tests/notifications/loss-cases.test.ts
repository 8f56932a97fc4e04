/** Shows six ways in which Alertmanager's own Telegram receiver loses, blocks, repeats or leaks, and that the relay does not. */
import { expect, test } from 'vitest';
import { eventually, samplesOf } from '../harness/exporter.js';
import { pause } from '../harness/processes.js';
import type { FakeTelegramOptions } from '../harness/telegram.js';
import type { TelegramFault } from '../harness/telegram-faults.js';
import { account } from './relay.js';
import { alertOf, CHAT, mark, nativeFailures, readIn, startTwoWays } from './two-ways.js';

// What is absent is waited for in a bounded time only, which `npm run chaos` makes longer; another Alertmanager than the
// system's is named by ALERTMANAGER.

const LONG = process.env.FLOWGAUGE_CHAOS === 'long';
/** Longer than the ten seconds that Alertmanager gives a notification; in the long form six times as long. */
const NATIVE_MS = LONG ? 70_000 : 11_000;
const TIMEOUT_MS = NATIVE_MS + 110_000;

const SENDING = new Set(['sendMessage', 'editMessageText']);

/** The first sending request of each way meets this; everything after it is served. */
function firstMeets(fault: TelegramFault): () => FakeTelegramOptions {
  return () => {
    let met = 0;
    return {
      script: ({ method }) => {
        if (!SENDING.has(method)) return undefined;
        met += 1;
        return met === 1 ? fault : undefined;
      },
    };
  };
}

test(
  'a request that is accepted and never answered: the native group is blocked, ours goes on',
  async () => {
    const { alertmanager, native, ours } = await startTwoWays({ telegram: firstMeets({ kind: 'stall' }) });
    const [first, second] = [mark(), mark()];
    await alertmanager.post([alertOf('Stalled', first)]);
    await eventually(
      async () => [native.requests('sendMessage').length, ours.requests('sendMessage').length],
      ([a, b]) => a! >= 1 && b! >= 1,
    );
    await alertmanager.post([alertOf('Stalled', first), alertOf('Stalled', second)]);
    await eventually(
      async () => readIn(ours),
      (text) => text.includes(first) && text.includes(second),
    );
    await pause(NATIVE_MS);
    // More than ten intervals of the group later: no other request, and nothing is counted as failed.
    expect(native.requests('sendMessage')).toHaveLength(1);
    expect(readIn(native)).toBe('');
    expect(await nativeFailures(alertmanager)).toBe(0);
    // The block is the group's: another alert of the same chat gets through.
    await alertmanager.post([alertOf('Other', first)]);
    await eventually(
      async () => readIn(native),
      (text) => text.includes(first),
    );
  },
  TIMEOUT_MS,
);

test(
  'what fires and ends during an outage: the native way never tells it, ours tells it afterwards',
  async () => {
    const { alertmanager, native, ours, fresh } = await startTwoWays();
    for (const telegram of [native, ours]) telegram.setScript(() => ({ kind: 'reset' }));
    const word = mark();
    await alertmanager.post([alertOf('Brief', word)]);
    await eventually(
      async () => [native.requests().length, ours.requests().length],
      ([a, b]) => a! >= 1 && b! >= 1,
    );
    await alertmanager.post([alertOf('Brief', word, { over: 'resolved' })]);
    // The outage outlives the one notification that still says "firing".
    await eventually(
      () => nativeFailures(alertmanager),
      (failures) => failures >= 1,
    );
    await eventually(
      () => account(fresh),
      (a) => a.queued === 2,
    );
    for (const telegram of [native, ours]) telegram.setScript(undefined);
    await eventually(
      async () => readIn(ours),
      (text) => text.includes(word) && text.includes('resolved'),
      60_000,
    );
    await eventually(
      () => account(fresh),
      (a) => a.sent === 2,
    );
    // Both ways are open again: what comes now is told on both, and the one that is lost stays lost.
    const later = mark();
    await alertmanager.post([alertOf('Later', later)]);
    await eventually(
      async () => readIn(native),
      (text) => text.includes(later),
    );
    await pause(LONG ? NATIVE_MS : 0);
    expect(readIn(native)).not.toContain(word);
  },
  TIMEOUT_MS,
);

test(
  'a text of more than 4096 characters of HTML: the native way drops alerts, ours splits it',
  async () => {
    const { alertmanager, native, ours, fresh } = await startTwoWays({
      template: '{{ range .Alerts }}<b>{{ .Labels.item }}</b> <i>{{ .Annotations.summary }}</i>\\n{{ end }}',
    });
    const items = Array.from({ length: 40 }, (_, index) => `item-${index}-end`);
    // The summary is cut to 120 characters for the named alerts of ours, so the item stands first.
    const long = (item: string) =>
      `${item} a < b & c > d ${'🔥'.repeat(60)} ${'words and words '.repeat(12)}`;
    await alertmanager.post(items.map((item) => alertOf('Long', long(item), { item })));
    await eventually(
      () => account(fresh),
      (a) => a.sent === items.length,
      60_000,
    );
    expect(items.filter((item) => !readIn(ours).includes(item))).toEqual([]);
    expect(ours.messages(CHAT).every(({ text }) => text.length <= 4_096)).toBe(true);
    expect(ours.requests().every(({ status }) => status === 200)).toBe(true);
    await pause(LONG ? NATIVE_MS : 4_000);
    expect(native.requests('sendMessage').length).toBeGreaterThan(0);
    // By version: refused for ever, or a notice instead of the alerts that counts as a success.
    const told = items.filter((item) => readIn(native).includes(item));
    console.log(
      `native: ${told.length} of ${items.length} alerts told; statuses ${native
        .requests()
        .map(({ status }) => status)
        .join(' ')}`,
    );
    expect(told.length).toBeLessThan(items.length);
  },
  TIMEOUT_MS,
);

test(
  'an error that can never pass: the native way repeats it, ours makes one request and a dead letter',
  async () => {
    const { alertmanager, native, ours, exporter, fresh } = await startTwoWays({
      telegram: () => ({ chats: { [CHAT]: { state: 'blocked' } } }),
    });
    const word = mark();
    await alertmanager.post([alertOf('Blocked', word)]);
    await eventually(
      () => account(fresh),
      (a) => a.dead === 1,
    );
    await eventually(
      () => nativeFailures(alertmanager),
      (failures) => failures >= 1,
    );
    // It begins anew after each notification that it gave up.
    const before = native.requests('sendMessage').length;
    await eventually(
      async () => native.requests('sendMessage').length,
      (now) => now > before,
    );
    expect(before).toBeGreaterThan(3);
    expect(ours.requests('sendMessage')).toHaveLength(1);
    const dead = await (await fetch(`${exporter.url}/api/notifications/dead`)).json();
    expect(dead).toMatchObject({
      dead_letters: [
        { reason: 'blocked', attempts: 1, alerts: [{ alertname: 'Blocked', status: 'firing' }] },
      ],
    });
    expect(JSON.stringify(dead)).toContain(word);
  },
  TIMEOUT_MS,
);

test(
  'told to wait: the native way asks again within the time, ours does not',
  async () => {
    const { alertmanager, native, ours } = await startTwoWays({
      telegram: firstMeets({ kind: 'limited', retryAfterSeconds: 4 }),
    });
    const word = mark();
    await alertmanager.post([alertOf('Limited', word)]);
    await eventually(
      async () => readIn(ours),
      (text) => text.includes(word),
    );
    expect(ours.violations()).toEqual([]);
    expect(ours.requests('sendMessage').map(({ status }) => status)).toEqual([429, 200]);
    const early = native.violations().filter(({ kind }) => kind === 'retry_after');
    expect(early.length).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  'a connection that breaks: the native way writes the token into its log, ours nowhere',
  async () => {
    const { alertmanager, native, ours, exporter } = await startTwoWays();
    for (const telegram of [native, ours]) telegram.setScript(() => ({ kind: 'reset' }));
    await alertmanager.post([alertOf('Broken', mark())]);
    await eventually(
      () => nativeFailures(alertmanager),
      (failures) => failures >= 1,
    );
    await eventually(
      async () => samplesOf(await exporter.metrics(), 'notification_attempts_total'),
      (samples) => (samples.get('channel="telegram",outcome="transient"') ?? 0) >= 2,
    );
    const secretOf = (token: string) => token.slice(token.indexOf(':') + 1);
    const said = alertmanager.log();
    console.log(`native: the log holds its token: ${said.includes(secretOf(native.token))}`);
    expect(said).toContain(secretOf(native.token));
    // Ours told of the failure, and without it.
    expect(exporter.output()).toContain('reset');
    const everything = [
      exporter.output(),
      await exporter.metrics(),
      await (await fetch(`${exporter.url}/api/alerts/history`)).text(),
      await (await fetch(`${exporter.url}/api/notifications/dead`)).text(),
    ].join('\n');
    expect(everything).not.toContain(secretOf(ours.token));
  },
  TIMEOUT_MS,
);
