/** Owns what is asked of Alertmanager: its alerts and silences over API v2, each with a deadline and a named failure. */
import { carriesTag, commentOf, isSameSet, type Matcher, type Silence } from './silence.js';

/** Alertmanager did not answer, or refused. Nobody knows whether a request that timed out was carried out. */
export class AlertmanagerError extends Error {
  override readonly name = 'AlertmanagerError';
  readonly code = 'ALERTMANAGER_FAILED';
  constructor(
    what: string,
    detail: string,
    /** HTTP status of a refusal; undefined without one. */
    readonly status?: number,
    /** `away`: it cannot be reached or keeps silent, and whoever asks it something else now waits in vain. */
    readonly reach: 'answers' | 'away' = 'answers',
  ) {
    super(`Alertmanager: ${what} failed (${detail}). Look whether it runs, and at alertmanager.url.`);
  }
}

/** An alert that is active in Alertmanager now. */
export interface ActiveAlert {
  readonly fingerprint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAtMs: number;
  readonly isMuted: boolean;
}

/** Alerts that Alertmanager tells together, as one receiver gets them. */
export interface AlertGroup {
  readonly receiver: string;
  /** The labels that it groups by. */
  readonly labels: Readonly<Record<string, string>>;
  readonly alerts: readonly ActiveAlert[];
}

/** A silence that is wanted. */
export interface SilenceWish {
  readonly tag: string;
  readonly matchers: readonly Matcher[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly createdBy: string;
  readonly why: string;
}

/** What is asked of Alertmanager. Every method rejects with {@link AlertmanagerError}. */
export interface Alertmanager {
  /** Active alerts that meet the conditions, muted ones too. */
  alerts(matchers: readonly Matcher[], signal?: AbortSignal): Promise<readonly ActiveAlert[]>;
  /** Active alerts by group and receiver, muted ones too. */
  groups(signal?: AbortSignal): Promise<readonly AlertGroup[]>;
  /** Every silence that has these conditions, expired ones too. */
  silences(matchers: readonly Matcher[], signal?: AbortSignal): Promise<readonly Silence[]>;
  /** The silence with this tag, the one that holds before one that has expired; undefined when there is none. */
  findSilence(tag: string, matchers: readonly Matcher[], signal?: AbortSignal): Promise<Silence | undefined>;
  /** Every silence with this tag: those that hold, the oldest first, then those that have expired. */
  findSilences(tag: string, matchers: readonly Matcher[], signal?: AbortSignal): Promise<readonly Silence[]>;
  /**
   * Sees to it that exactly one silence with the wish's tag holds, with its conditions, end and comment; gives its id.
   * Safe to repeat: of several that hold, as after a request that was carried out late, the younger ones are ended.
   */
  ensureSilence(wish: SilenceWish, signal?: AbortSignal): Promise<string>;
  /** Ends a silence; one that is gone or has ended is no failure. */
  endSilence(id: string, signal?: AbortSignal): Promise<void>;
}

const DEADLINE_MS = 5_000;
const LONGEST_ANSWER_BYTES = 8_388_608;
/** Failures of a connection that was never made. */
const UNREACHED: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT'],
  ...['ENOTFOUND', 'EAI_AGAIN'],
]);

/** The condition by which the silence of a wish is looked for: one that it has, as there may be thousands of others. */
export function firstOf(matchers: readonly Matcher[]): readonly Matcher[] {
  return matchers.slice(0, 1);
}

/** Those with this tag: those that hold, the oldest first, then those that have expired. */
export function silencesOfTag(tag: string, all: readonly Silence[]): readonly Silence[] {
  const rank = ({ state }: Silence) => (state === 'expired' ? 1 : 0);
  return all
    .filter(({ comment }) => carriesTag(comment, tag))
    .sort((a, b) => rank(a) - rank(b) || a.startsAtMs - b.startsAtMs || (a.id < b.id ? -1 : 1));
}

/** The Alertmanager at an address such as `http://127.0.0.1:9093`, with its path prefix where it has one. */
export function alertmanagerAt(url: string, deadlineMs = DEADLINE_MS): Alertmanager {
  const base = `${url.replace(/\/+$/, '')}/api/v2`;

  async function ask(what: string, path: string, init: RequestInit, signal?: AbortSignal): Promise<unknown> {
    const deadline = AbortSignal.timeout(deadlineMs);
    try {
      const answer = await fetch(`${base}${path}`, {
        ...init,
        redirect: 'manual',
        headers: { 'content-type': 'application/json' },
        signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      });
      const text = await readLimited(answer);
      if (!answer.ok)
        throw new AlertmanagerError(what, `${answer.status} ${text.slice(0, 200)}`, answer.status);
      return text === '' ? undefined : JSON.parse(text);
    } catch (error) {
      if (error instanceof AlertmanagerError) throw error;
      if (deadline.aborted)
        throw new AlertmanagerError(what, `no answer within ${deadlineMs} ms`, undefined, 'away');
      const kind = kindOf(error);
      throw new AlertmanagerError(what, kind, undefined, UNREACHED.has(kind) ? 'away' : 'answers');
    }
  }

  const self: Alertmanager = {
    async alerts(matchers, signal) {
      const query = `?active=true&silenced=true&inhibited=true&unprocessed=true${filterOf(matchers)}`;
      return listOf(await ask('reading alerts', `/alerts${query}`, {}, signal)).map(alertOf);
    },
    async groups(signal) {
      const query = '?active=true&silenced=true&inhibited=true';
      return listOf(await ask('reading groups of alerts', `/alerts/groups${query}`, {}, signal)).map(groupOf);
    },
    async silences(matchers, signal) {
      const query = filterOf(matchers).slice(1);
      return listOf(await ask('reading silences', `/silences?${query}`, {}, signal)).map(silenceOf);
    },
    async findSilence(tag, matchers, signal) {
      return (await self.findSilences(tag, matchers, signal))[0];
    },
    async findSilences(tag, matchers, signal) {
      return silencesOfTag(tag, await self.silences(firstOf(matchers), signal));
    },
    async ensureSilence(wish, signal) {
      const { tag, matchers, startsAtMs, endsAtMs, createdBy, why } = wish;
      const found = await self.findSilences(tag, matchers, signal);
      const [known, ...others] = found.filter(({ state }) => state !== 'expired');
      for (const { id } of others) await self.endSilence(id, signal);
      const comment = commentOf(why, tag);
      const hasItsEnd = known !== undefined && Math.abs(known.endsAtMs - endsAtMs) < 1_000;
      if (hasItsEnd && known.comment === comment && isSameSet(known.matchers, matchers)) return known.id;
      const body = {
        // With the id and the same start Alertmanager changes the one that is there instead of adding another.
        ...(known === undefined ? {} : { id: known.id }),
        matchers: matchers.map((matcher) => ({ ...matcher, isRegex: false })),
        startsAt: new Date(known?.startsAtMs ?? startsAtMs).toISOString(),
        endsAt: new Date(endsAtMs).toISOString(),
        createdBy,
        comment,
      };
      const made = await ask(
        'making a silence',
        '/silences',
        { method: 'POST', body: JSON.stringify(body) },
        signal,
      );
      const id = recordOf(made).silenceID;
      if (typeof id !== 'string' || id === '')
        throw new AlertmanagerError('making a silence', 'it named no id');
      return id;
    },
    async endSilence(id, signal) {
      try {
        await ask('ending a silence', `/silence/${encodeURIComponent(id)}`, { method: 'DELETE' }, signal);
      } catch (error) {
        const { status } = error as AlertmanagerError;
        // 404: lost. 500 is what older releases say of one that has expired.
        if (status === 404) return;
        if (status === 500 && /already expired/i.test(String(error))) return;
        throw error;
      }
    },
  };
  return self;
}

function filterOf(matchers: readonly Matcher[]): string {
  return matchers
    .map(({ name, value, isEqual }) => `${name}${isEqual ? '=' : '!='}${JSON.stringify(value)}`)
    .map((text) => `&filter=${encodeURIComponent(text)}`)
    .join('');
}

async function readLimited(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > LONGEST_ANSWER_BYTES) throw new RangeError('the answer does not end');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Only the kind of failure goes on: the message of a failed fetch can hold the whole address. */
function kindOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'the answer is no JSON';
  if (error instanceof RangeError) return 'the answer does not end';
  const cause = error instanceof Error ? (error.cause as { code?: unknown } | undefined) : undefined;
  return typeof cause?.code === 'string' ? cause.code : 'no answer';
}

function alertOf(value: unknown): ActiveAlert {
  const { fingerprint, labels, annotations, startsAt, status } = recordOf(value);
  return {
    fingerprint: String(fingerprint),
    labels: textsOf(labels),
    annotations: textsOf(annotations),
    startsAtMs: Date.parse(String(startsAt)),
    isMuted: recordOf(status).state === 'suppressed',
  };
}

function groupOf(value: unknown): AlertGroup {
  const { receiver, labels, alerts } = recordOf(value);
  return {
    receiver: String(recordOf(receiver).name ?? ''),
    labels: textsOf(labels),
    alerts: listOf(alerts).map(alertOf),
  };
}

function silenceOf(value: unknown): Silence {
  const { id, status, comment, createdBy, startsAt, endsAt, matchers } = recordOf(value);
  const { state } = recordOf(status);
  return {
    id: String(id),
    state: state === 'active' || state === 'pending' ? state : 'expired',
    comment: String(comment),
    createdBy: String(createdBy),
    startsAtMs: Date.parse(String(startsAt)),
    endsAtMs: Date.parse(String(endsAt)),
    matchers: listOf(matchers).map((matcher) => {
      const { name, value: text, isEqual } = recordOf(matcher);
      return { name: String(name), value: String(text), isEqual: isEqual !== false };
    }),
  };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  const texts: Record<string, string> = Object.create(null);
  for (const [name, text] of Object.entries(recordOf(value))) texts[name] = String(text);
  return texts;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
