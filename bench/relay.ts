/** Owns measuring the relay in calm running: the time from an alert to the chat, beside Alertmanager's own Telegram receiver. */
import { eventually } from '../tests/harness/exporter.js';
import { pause } from '../tests/harness/processes.js';
import type { FakeTelegram } from '../tests/harness/telegram.js';
import { CHATS, startWays, type Ways } from './relay-ways.js';
import { type BenchResult, quantile } from './result.js';

const CALM_ALERTS = 100;
const CALM_EVERY_MS = 400;

/** Needs Debian's PostgreSQL and Alertmanager. */
export async function run(): Promise<BenchResult[]> {
  const ways = await startWays();
  try {
    return [...(await fromAlertmanager(ways)), ...(await fromWebhook(ways))];
  } finally {
    await ways.stop();
  }
}

async function fromAlertmanager(ways: Ways): Promise<BenchResult[]> {
  const begun = new Map<string, number>();
  for (let i = 0; i < CALM_ALERTS; i += 1) {
    begun.set(`calm-${i}-end`, performance.now());
    await ways.alertmanager.post([alertOf(`Calm${i}`, `calm-${i}-end`, i % CHATS)]);
    await pause(CALM_EVERY_MS);
  }
  const [ours, peer] = await Promise.all([ways.ours, ways.native].map((way) => waits(way, begun)));
  const method = `${CALM_ALERTS} alerts, each a group of its own, one every ${CALM_EVERY_MS} ms into ${CHATS} chats; from the POST to Alertmanager until the fake Telegram has the message; peer: Alertmanager's own receiver, the same alerts at the same moment`;
  return [0.5, 0.99].map((share) => {
    const [a, b] = [at(ours!, share), at(peer!, share)];
    return {
      name: `alert to chat, p${share * 100}`,
      ours: a,
      peer: b,
      ratio: a / b,
      unit: 'ms',
      method,
    };
  });
}

async function fromWebhook(ways: Ways): Promise<BenchResult[]> {
  const begun = new Map<string, number>();
  const answered: number[] = [];
  for (let i = 0; i < CALM_ALERTS; i += 1) {
    const summary = `direct-${i}-end`;
    const startMs = performance.now();
    begun.set(summary, startMs);
    const answer = await fetch(`${ways.exporter.url}/api/alerts/webhook`, {
      method: 'POST',
      body: bodyOf(summary, i % CHATS),
    });
    if (answer.status !== 200) throw new Error(`the webhook answered ${answer.status}`);
    await answer.text();
    answered.push(performance.now() - startMs);
    await pause(CALM_EVERY_MS);
  }
  const ours = await waits(ways.ours, begun);
  const method = `${CALM_ALERTS} notifications, one every ${CALM_EVERY_MS} ms, straight to the webhook`;
  const figures = (name: string, all: readonly number[], until: string) =>
    [0.5, 0.99].map((share) => ({
      name: `${name}, p${share * 100}`,
      ours: at(all, share),
      unit: 'ms',
      method: `${method}; until ${until}`,
    }));
  return [
    ...figures('webhook to its 200', answered, 'the alert is stored and the answer is here'),
    ...figures('webhook to chat', ours, 'the fake Telegram has the message'),
  ];
}

/** How long each text took, once all of them have arrived. */
async function waits(way: FakeTelegram, begun: ReadonlyMap<string, number>): Promise<readonly number[]> {
  const arrived = () =>
    [...begun].flatMap(([summary, startMs]) => {
      const message = way.messages().find(({ text }) => text.includes(summary));
      return message === undefined ? [] : [message.sentAtMs - startMs];
    });
  return eventually(
    async () => arrived(),
    (all) => all.length === begun.size,
    120_000,
  );
}

function at(all: readonly number[], share: number): number {
  return quantile(
    all.map((value) => ({ value, weight: 1 })),
    share,
  );
}

function alertOf(name: string, summary: string, chat: number) {
  return {
    labels: {
      alertname: name,
      severity: 'critical',
      item: summary,
      chat: String(chat),
    },
    annotations: { summary },
  };
}

function bodyOf(summary: string, chat: number): string {
  const labels = { alertname: summary, severity: 'critical' };
  const [startsAt, endsAt] = [new Date().toISOString(), '0001-01-01T00:00:00Z'];
  return JSON.stringify({
    version: '4',
    groupKey: summary,
    receiver: `c${chat}`,
    status: 'firing',
    groupLabels: { alertname: summary },
    externalURL: 'http://127.0.0.1:9093',
    truncatedAlerts: 0,
    alerts: [
      {
        status: 'firing',
        labels,
        annotations: { summary },
        startsAt,
        endsAt,
        generatorURL: '',
        fingerprint: summary,
      },
    ],
  });
}
