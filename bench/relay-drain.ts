/** Owns measuring a storm: 10,000 alerts at once through the relay, then through Alertmanager's own receiver, until people know of them. */
import { pause } from '../tests/harness/processes.js';
import type { FakeTelegram } from '../tests/harness/telegram.js';
import { CHATS, startWays } from './relay-ways.js';
import type { BenchResult } from './result.js';

const ALERTS = 10_000;
const PER_GROUP = 5;
const PER_POST = 500;
/** What is not told by then is reported as it stands. */
const BOUND_MS = 300_000;
const LOOK_EVERY_MS = 1_000;
const EARLY_MS = 60_000;

/** How many alerts people know of, by the seconds since the first was handed over. */
interface Told {
  readonly early: number;
  readonly last: number;
  /** Undefined when not all were told within the bound. */
  readonly allMs: number | undefined;
}

/** Needs Debian's PostgreSQL and Alertmanager. Takes ten minutes at most. */
export async function run(): Promise<BenchResult[]> {
  // One after the other: the peer's repeats without a pause would take the processors from ours.
  const [ours, peer] = [await storm('ours'), await storm('native')];
  const method = `${ALERTS} alerts in ${ALERTS / PER_GROUP} groups and ${CHATS} private chats, handed to Alertmanager at once (${seconds(ours.postedMs)} and ${seconds(peer.postedMs)} s), whose receivers tell one way and, in a second run, the other; fakes with the published limits; an alert is told when a text of its chat holds it, or a digest its group; looked each second, for ${BOUND_MS / 1000} s at most`;
  const results: readonly Omit<BenchResult, 'method' | 'ratio'>[] = [
    {
      name: 'told within the first minute',
      ours: ours.early / ALERTS,
      peer: peer.early / ALERTS,
      unit: 'share',
    },
    { name: 'told in the end', ours: ours.last / ALERTS, peer: peer.last / ALERTS, unit: 'share' },
    { name: 'until all are told', ours: seconds(ours.allMs), peer: seconds(peer.allMs), unit: 's' },
    { name: 'requests that broke a limit', ours: ours.violations, peer: peer.violations, unit: '' },
  ];
  return results.map((one) => ({
    ...one,
    name: `storm, ${one.name}`,
    ratio: one.ours / one.peer!,
    method,
  }));
}

/** Infinity when it did not come to its end. */
function seconds(ms: number | undefined): number {
  return ms === undefined ? Number.POSITIVE_INFINITY : Math.round(ms / 1000);
}

async function storm(way: 'ours' | 'native'): Promise<Told & { postedMs: number; violations: number }> {
  const ways = await startWays('5s', [way]);
  try {
    const startMs = performance.now();
    for (let first = 0; first < ALERTS; first += PER_POST)
      await ways.alertmanager.post(Array.from({ length: PER_POST }, (_, i) => alertOf(first + i)));
    const postedMs = performance.now() - startMs;
    const told = await untilTold(ways[way], startMs);
    return { ...told, postedMs, violations: ways[way].violations().length };
  } finally {
    await ways.stop();
  }
}

async function untilTold(way: FakeTelegram, startMs: number): Promise<Told> {
  let early = 0;
  for (;;) {
    const sinceMs = performance.now() - startMs;
    const last = knownIn(way);
    if (sinceMs <= EARLY_MS) early = last;
    if (last === ALERTS) return { early, last, allMs: sinceMs };
    if (sinceMs > BOUND_MS) return { early, last, allMs: undefined };
    await pause(LOOK_EVERY_MS);
  }
}

/** The alerts that are in some text, or whose group is in a digest. */
function knownIn(way: FakeTelegram): number {
  const alerts = new Set<number>();
  for (const { history } of way.messages()) {
    for (const text of history) {
      for (const [, item] of text.matchAll(/item-(\d+)-end/g)) alerts.add(Number(item));
      if (!text.startsWith('📋')) continue;
      for (const [, group] of text.matchAll(/\bStorm(\d+)\b/g))
        for (let i = 0; i < PER_GROUP; i += 1) alerts.add(Number(group) * PER_GROUP + i);
    }
  }
  return alerts.size;
}

function alertOf(item: number) {
  const group = Math.floor(item / PER_GROUP);
  const mark = `item-${item}-end`;
  return {
    labels: { alertname: `Storm${group}`, severity: 'critical', item: mark, chat: String(group % CHATS) },
    annotations: { summary: mark },
  };
}
