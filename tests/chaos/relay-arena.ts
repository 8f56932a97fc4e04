/** Owns a storm of alerts with kills in it: what is posted, when the exporter dies, and what people could read in the end. */
import { createRandom } from '../../src/demo/random.js';
import { eventIdOf } from '../../src/notifications/render.js';
import { type ExporterProcess, eventually } from '../harness/exporter.js';
import type { FreshDatabase } from '../harness/fresh-database.js';
import { pause } from '../harness/processes.js';
import type { FakeTelegram } from '../harness/telegram.js';
import type { TelegramFault, TelegramScript } from '../harness/telegram-faults.js';
import { account, notification, type SentAlert } from '../notifications/relay.js';
import { database, postUntilTaken, relayConfig, relayProcess } from '../notifications/relay-process.js';

/** The chat of this name refuses everything for good, so that there are dead letters to be counted. */
export const BLOCKED_CHAT = '900';
const BLOCKED = 'blocked';
/** On a busy machine half a second may pass between Telegram's answer and our reading of it: that would double too. */
const SEND = '  request_timeout: 2s\n  lease: 10s\n';
/** A double whose first form is older than this when the process dies is not the kill's work. */
const UNDER_WAY_MS = 3_000;
/** What the store counts a group's first incident as; it is part of the short id. */
const FIRST_INCIDENT = 2;

/** How large a storm is. */
export interface StormPlan {
  readonly seed: number;
  /** Alert events in all: a firing is one, its end another. */
  readonly events: number;
  readonly kills: number;
  /** Chats that the bulk goes to; every fifth is a group, with its slower pace. */
  readonly bulkChats: number;
  /** Chats whose few groups fire and then end, so that their messages are edited. */
  readonly calmChats: number;
  /** Notifications that are posted per second. */
  readonly perSecond: number;
  readonly drainMs: number;
}

/** One notification of Alertmanager, and what it tells. */
export interface StormPost {
  readonly chat: string;
  readonly receiver: string;
  readonly group: string;
  readonly status: 'firing' | 'resolved';
  /** Fingerprints; each stands in the text of its alert. */
  readonly marks: readonly string[];
  readonly severity: string;
  /** `read`: once people have read the beginning, so that its message is edited however slow the machine is. */
  readonly after: 'the one before' | 'read';
}

/** What was seen. */
export interface StormVerdict {
  readonly posted: number;
  /** By the store: events per state. */
  readonly account: Readonly<Record<string, number>>;
  /** Events that nobody could read and that are no dead letters. */
  readonly missing: readonly string[];
  /** Events that the store calls sent and people could not read, or the reverse. */
  readonly mistaken: readonly string[];
  readonly violations: readonly string[];
  /** New messages that tell a group which an earlier message has told. */
  readonly doubled: number;
  /** Those of them that no kill explains: the earlier message was not sent within the last seconds before one. */
  readonly unexplained: number;
  /** Texts about an alert without the short id of its group. */
  readonly nameless: number;
  readonly kills: number;
  /** Kills while something waited or was under way. */
  readonly killsInWork: number;
  readonly requests: number;
  readonly faults: number;
  readonly messages: number;
  readonly edits: number;
  readonly digests: number;
  readonly seconds: number;
}

/** The notifications of a plan, in the order of posting. */
export function stormPosts(plan: StormPlan): readonly StormPost[] {
  const random = createRandom(plan.seed).next;
  const posts: StormPost[] = [];
  const ends: StormPost[] = [];
  let left = plan.events;
  const post = (chat: string, receiver: string, size: number): StormPost => {
    const group = `group-${posts.length}`;
    const severity = ['critical', 'error', 'warning', 'info'][Math.floor(random() * 4)]!;
    const marks = Array.from({ length: size }, (_, i) => `alert-${posts.length}-${i}-end`);
    const made = {
      chat,
      receiver,
      group,
      status: 'firing',
      marks,
      severity,
      after: 'the one before',
    } as const;
    posts.push(made);
    left -= size;
    return made;
  };
  for (let i = 0; i < plan.calmChats * 4; i += 1) {
    const at = i % plan.calmChats;
    const begun = post(String(700 + at), `calm${at}`, 2);
    ends.push({ ...begun, status: 'resolved', after: at % 2 === 0 ? 'the one before' : 'read' });
    left -= begun.marks.length;
  }
  for (let i = 0; left > 0; i += 1) {
    const size = Math.min(left, 1 + Math.floor(random() * 9));
    if (i % 30 === 7) post(BLOCKED_CHAT, BLOCKED, size);
    else post(bulkChat(i % plan.bulkChats), `bulk${i % plan.bulkChats}`, size);
  }
  // The calm groups are spread over the storm, each one's end well behind its beginning.
  const bulk = posts.splice(ends.length);
  const step = Math.floor(bulk.length / (2 * ends.length));
  ends.forEach((end, i) => {
    const begun = posts[i]!;
    bulk.splice(i * (step + 1), 0, begun);
    bulk.splice(Math.floor(bulk.length / 2) + i * (step + 1), 0, end);
  });
  return bulk;
}

/**
 * Posts the plan, kills the exporter meanwhile, waits until nothing is queued, and reads what people got. The fake's
 * clock must be this process's monotonic one.
 */
export async function runStorm(plan: StormPlan, telegram: FakeTelegram): Promise<StormVerdict> {
  const posts = stormPosts(plan);
  const random = createRandom(plan.seed + 1).next;
  const fresh = await database();
  const chats = Object.fromEntries(posts.map(({ receiver, chat }) => [receiver, chat]));
  const file = relayConfig(fresh.url, telegram, chats, SEND);
  let exporter: ExporterProcess = await relayProcess(file);
  // It listens before its tables are there.
  await eventually(
    () => account(fresh),
    () => true,
    120_000,
  );
  const startMs = performance.now();
  const queue = posts
    .filter(({ after }) => after === 'the one before')
    .map((one, index) => ({ one, dueMs: startMs + (index * 1000) / plan.perSecond }));
  const poster = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await pause(Math.max(0, next.dueMs - performance.now()));
      await postUntilTaken(() => exporter.url, bodyOf(next.one));
    }
  };
  const posting = Promise.all(Array.from({ length: 4 }, poster));
  // A failed poster is told of by the await below; until then it must not end the process.
  posting.catch(() => {});
  let killsInWork = 0;
  const killedAtMs: number[] = [];
  for (let kills = 0; kills < plan.kills; kills += 1) {
    await pause(1_000 + random() * 3_000);
    const { queued = 0 } = await account(fresh);
    if (queued > 0 || queue.length > 0) killsInWork += 1;
    await exporter.kill();
    killedAtMs.push(performance.now());
    exporter = await relayProcess(file);
  }
  await posting;
  for (const one of posts.filter(({ after }) => after === 'read')) {
    await eventually(
      async () => telegram.messages(one.chat),
      (all) => all.some(({ text }) => text.includes(one.marks[0]!)),
      plan.drainMs,
    );
    await postUntilTaken(() => exporter.url, bodyOf(one));
  }
  const done = await eventually(
    () => account(fresh),
    (now) => (now.sent ?? 0) + (now.dead ?? 0) === plan.events,
    plan.drainMs,
  );
  const seconds = (performance.now() - startMs) / 1000;
  const requests = telegram.requests();
  return {
    posted: posts.reduce((sum, { marks }) => sum + marks.length, 0),
    account: done,
    ...(await reading(posts, telegram, fresh, killedAtMs)),
    violations: telegram.violations().map(({ kind, chat, detail }) => `${kind} ${chat} ${detail}`),
    kills: plan.kills,
    killsInWork,
    requests: requests.length,
    faults: requests.filter(({ fault }) => fault !== undefined).length,
    messages: telegram.messages().length,
    edits: telegram.messages().reduce((sum, { history }) => sum + history.length - 1, 0),
    digests: telegram.messages().filter(({ text }) => text.startsWith('📋')).length,
    seconds,
  };
}

/** The same failures, none of which takes the message in secret: what is doubled then is doubled by a kill. */
export function honest(script: TelegramScript): TelegramScript {
  return (call) => {
    const fault = script(call);
    return fault === undefined ? undefined : ({ ...fault, applied: false } as TelegramFault);
  };
}

function bulkChat(at: number): string {
  return at % 5 === 4 ? `-${100_000 + at}` : String(100 + at);
}

function bodyOf({ group, receiver, status, marks, severity }: StormPost): string {
  const alerts = marks.map((fingerprint): SentAlert => ({ fingerprint, status, severity }));
  return notification(alerts, { group, receiver });
}

/** Compares what was posted with what people could read and with what the store says. */
async function reading(
  posts: readonly StormPost[],
  telegram: FakeTelegram,
  fresh: FreshDatabase,
  killedAtMs: readonly number[],
): Promise<Pick<StormVerdict, 'missing' | 'mistaken' | 'doubled' | 'unexplained' | 'nameless'>> {
  const rows = await fresh.sql<{ fingerprint: string; status: string; state: string }[]>`
    select e.fingerprint, e.status, d.state from flowgauge.notification_deliveries d
      join flowgauge.alert_events e on e.id = d.event_id`;
  const states = new Map(rows.map((row) => [`${row.fingerprint} ${row.status}`, row.state]));
  const texts = new Map<string, string[]>();
  let [doubled, unexplained] = [0, 0];
  const ids = new Map(posts.map(({ group }) => [eventIdOf(group, FIRST_INCIDENT), group]));
  const told = new Map<string, number>();
  for (const { chat, history, sentAtMs } of telegram.messages()) {
    texts.set(chat, [...(texts.get(chat) ?? []), ...history]);
    const named = [...history[0]!.matchAll(/#([A-Z2-9]{7})\b/g)]
      .map((found) => `${chat} ${ids.get(found[1]!)}`)
      .filter((group) => !group.endsWith('undefined'));
    const before = named.flatMap((group) => told.get(group) ?? []);
    if (before.length > 0) doubled += 1;
    const isByKill = before.every((ms) => killedAtMs.some((at) => at >= ms && at - ms < UNDER_WAY_MS));
    if (!isByKill) unexplained += 1;
    for (const group of named) told.set(group, sentAtMs);
  }
  const [missing, mistaken]: [string[], string[]] = [[], []];
  let nameless = 0;
  for (const { chat, group, marks, status } of posts) {
    const id = `#${eventIdOf(group, FIRST_INCIDENT)}`;
    const about = (texts.get(chat) ?? []).filter((text) => text.includes(id));
    for (const mark of marks) {
      const event = `${mark} ${status}`;
      const full = (texts.get(chat) ?? []).filter((text) => text.includes(mark));
      nameless += full.filter((text) => !text.includes(id)).length;
      // A digest names the groups; all alerts of a group were posted together.
      const isTold =
        status === 'resolved'
          ? full.some((text) => text.includes('resolved'))
          : full.length > 0 || about.some((text) => !text.includes('alert-'));
      const state = states.get(event);
      if (!isTold && state !== 'dead') missing.push(event);
      if (isTold !== (state === 'sent')) mistaken.push(`${event}: ${state}`);
    }
  }
  return { missing, mistaken, doubled, unexplained, nameless };
}
