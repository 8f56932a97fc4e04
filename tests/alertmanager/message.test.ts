/** Owns the proof that no text in an alert makes a message that Telegram refuses or that does not say how many there are. */
import { afterEach, describe, expect, it } from 'vitest';
import { type AlertmanagerServer, type PostedAlert, startAlertmanager } from '../harness/alertmanager.js';
import { eventually } from '../harness/exporter.js';
import { type FakeTelegram, startFakeTelegram } from '../harness/telegram.js';

const running: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

async function start(): Promise<{ telegram: FakeTelegram; alertmanager: AlertmanagerServer }> {
  const telegram = await startFakeTelegram();
  running.push(() => telegram.close());
  const alertmanager = await startAlertmanager({
    env: { TELEGRAM_BOT_TOKEN: telegram.token, TELEGRAM_API_URL: telegram.url },
    faster: 20,
  });
  running.push(() => alertmanager.stop());
  return { telegram, alertmanager };
}

const RUNBOOK = 'http://127.0.0.1:9877/runbooks/FlowStalled';

function alert(number: number, text: string, more: Readonly<Record<string, string>> = {}): PostedAlert {
  return {
    labels: { alertname: 'FlowStalled', severity: 'critical', flow: 'tokens', item: String(number), ...more },
    annotations: {
      summary: text.slice(0, 1_000),
      description: text,
      runbook_url: RUNBOOK,
      dashboard_url: 'http://127.0.0.1:3000/d/flowgauge-flow?var-flow=tokens&x="><b>',
    },
    startsAt: '2026-01-02T03:04:05Z',
  };
}

/** Each makes some renderer fail: markup, growth by escaping, two UTF-16 units per character, line ends, a cut tag. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ['markup', '<b>bold</i> & <script>alert(1)</script> </b>'],
  ['quotes, which grow fivefold', `"'&<>+`.repeat(9_000)],
  ['plus signs, which only some escapers touch', '+'.repeat(50_000)],
  ['emoji', '🔥'.repeat(25_000)],
  ['families of emoji and combining signs', '👩‍👩‍👧‍👦é'.repeat(5_000)],
  ['line ends and control characters', '\n\r\t\u0001\u0085\u2028x'.repeat(8_000)],
  ['a template', '{{ template "x" . }}{{ end }}'.repeat(1_500)],
];

describe('a group of 500 alerts', () => {
  for (const [name, text] of HOSTILE) {
    it(`of ${name} is one accepted message under the limit that says how many there are`, async () => {
      const { telegram, alertmanager } = await start();
      await alertmanager.post(Array.from({ length: 500 }, (_, i) => alert(i, text)));
      // The first message may come before all alerts are in; the group's next one has them.
      const messages = await eventually(
        async () => telegram.messages(-103),
        (sent) => sent.some(({ text }) => text.includes(': 500 firing')),
      );
      expect(telegram.requests('sendMessage').map((r) => r.status)).not.toContain(400);
      const { text: seen, source } = messages.at(-1)!;
      expect(seen.length).toBeLessThanOrEqual(4096);
      expect([...source].length).toBeLessThanOrEqual(4096);
      const shown = seen.match(/since 2 Jan 03:04 UTC/g)?.length ?? 0;
      expect(shown).toBeGreaterThan(0);
      expect(seen).toContain(`and ${500 - shown} more firing`);
      expect(source).toContain(`<a href="${RUNBOOK}">What to do</a>`);
    }, 60_000);
  }
});

describe('a message', () => {
  it('says on a phone what, since when, how bad, what to do, and then that it is over', async () => {
    const { telegram, alertmanager } = await start();
    const one: PostedAlert = {
      labels: { alertname: 'FlowStalled', severity: 'critical', flow: 'tokens', instance: 'a:9877' },
      annotations: {
        summary: 'Flow tokens has stalled',
        description: 'The oldest item of monitoring waits for 17m, and none left for 5m.',
        runbook_url: RUNBOOK,
        dashboard_url: 'http://127.0.0.1:3000/d/flowgauge-flow?var-flow=tokens',
      },
      startsAt: '2026-01-02T03:04:05Z',
    };
    await alertmanager.post([one]);
    const first = await eventually(
      async () => telegram.messages(-103),
      (sent) => sent.length === 1,
    );
    expect(first[0]!.text.replace(/\b[0-9a-f]{6}\b/, 'ID').split('\n')).toEqual([
      '🔴 CRITICAL FlowStalled: 1 firing',
      '',
      'Flow tokens has stalled',
      'The oldest item of monitoring waits for 17m, and none left for 5m.',
      'since 2 Jan 03:04 UTC ID',
      '',
      'What to do · Dashboard · Silence',
    ]);
    const links = [...first[0]!.source.matchAll(/href="([^"]+)"/g)].map((m) => m[1]);
    expect(links).toEqual([
      RUNBOOK,
      'http://127.0.0.1:3000/d/flowgauge-flow?var-flow=tokens',
      expect.stringMatching(
        /\/#\/silences\/new\?filter=%7Balertname%3D%22FlowStalled%22%2Cflow%3D%22tokens%22%7D$/,
      ),
    ]);
    expect(first[0]!.silent).toBe(false);

    await alertmanager.post([{ ...one, endsAt: '2026-01-02T04:04:05Z' }]);
    const both = await eventually(
      async () => telegram.messages(-103),
      (sent) => sent.length === 2,
    );
    expect(both[1]!.text.replace(/\b[0-9a-f]{6}\b/, 'ID').split('\n')).toEqual([
      '✅ RESOLVED FlowStalled',
      '',
      '✅ Flow tokens has stalled',
      expect.stringMatching(/^2 Jan 03:04 to \d\d:\d\d UTC ID$/),
    ]);
  });

  it('of several severities shows the worst', async () => {
    const { telegram, alertmanager } = await start();
    const labels = { alertname: 'SloBudgetBurning', api: 'market', page: 'no' };
    await alertmanager.post([
      { labels: { ...labels, severity: 'error', instance: 'a:9877' } },
      { labels: { ...labels, severity: 'critical', instance: 'b:9877' } },
    ]);
    const sent = await eventually(
      async () => telegram.messages(-103),
      (messages) => messages.some(({ text }) => text.includes(': 2 firing')),
    );
    expect(sent.at(-1)!.text.split('\n')[0]).toBe('🔴 CRITICAL SloBudgetBurning: 2 firing');
  });

  it('about broken notifications is plain text, which Telegram cannot refuse', async () => {
    const { telegram, alertmanager } = await start();
    const text = `<b>&"'🔥`.repeat(10_000);
    const labels = { pipeline: 'notifications' };
    await alertmanager.post(Array.from({ length: 500 }, (_, i) => alert(i, text, labels)));
    const sent = await eventually(
      async () => telegram.messages(-107),
      (messages) =>
        messages.some(({ text: shown }) => / more$/.test(shown) && shown.includes(': 500 firing')),
    );
    expect(telegram.requests('sendMessage')[0]!.params.parse_mode).toBeFalsy();
    for (const { text: shown } of sent) expect(shown.length).toBeLessThanOrEqual(4096);
    expect(sent.at(-1)!.text).toMatch(/and \d+ more$/);
    expect(telegram.messages(-103)).toEqual([]);
  });
});
