/** Owns what is asked of Prometheus: instant and range queries, each with a deadline, a bounded answer and a named failure. */

/** Prometheus did not answer, refused the question, or answered what cannot be used. */
export class PrometheusError extends Error {
  override readonly name = 'PrometheusError';
  readonly code = 'PROMETHEUS_FAILED';
  constructor(
    /** What came instead; never an address. */
    readonly detail: string,
    /** Whether there was an answer at all. */
    readonly kind: 'unreachable' | 'refused' | 'unreadable',
  ) {
    super(`Prometheus: the query failed (${detail}). Look whether it runs, and at prometheus.url.`);
  }
}

/** A value at a moment; a value that is no number is left out. */
export interface Point {
  readonly atMs: number;
  readonly value: number;
}

/** One series of an answer, its points in the order of time. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly points: readonly Point[];
}

/** Moments of a range query, both ends included. At most 11,000 steps, which is Prometheus' own limit. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

/** What is asked of Prometheus. Every method rejects with {@link PrometheusError}. */
export interface Prometheus {
  /** The value of each series at a moment. */
  instant(query: string, atMs: number, signal?: AbortSignal): Promise<readonly Series[]>;
  /** The values of each series over a span. */
  range(query: string, span: Span, signal?: AbortSignal): Promise<readonly Series[]>;
}

const DEADLINE_MS = 10_000;
const LONGEST_ANSWER_BYTES = 8_388_608;

/** The Prometheus at an address such as `http://127.0.0.1:9090`, with its path prefix where it has one. */
export function prometheusAt(url: string, deadlineMs = DEADLINE_MS): Prometheus {
  const base = `${url.replace(/\/+$/, '')}/api/v1`;

  async function ask(
    path: string,
    parameters: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<readonly Series[]> {
    const deadline = AbortSignal.timeout(deadlineMs);
    try {
      const answer = await fetch(`${base}${path}`, {
        method: 'POST',
        redirect: 'manual',
        // Prometheus gives the question up as well: without it a slow one would go on for two minutes.
        body: new URLSearchParams({ ...parameters, timeout: `${deadlineMs}ms` }),
        signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      });
      return seriesOf(await readLimited(answer), answer.status);
    } catch (error) {
      if (error instanceof PrometheusError) throw error;
      if (deadline.aborted) throw new PrometheusError(`no answer within ${deadlineMs} ms`, 'unreachable');
      throw new PrometheusError(kindOf(error), 'unreachable');
    }
  }

  return {
    instant: (query, atMs, signal) => ask('/query', { query, time: secondsOf(atMs) }, signal),
    range: (query, { fromMs, toMs, stepMs }, signal) =>
      ask(
        '/query_range',
        { query, start: secondsOf(fromMs), end: secondsOf(toMs), step: secondsOf(stepMs) },
        signal,
      ),
  };
}

/** A text as a string of PromQL, whatever is in it. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

function secondsOf(ms: number): string {
  return (ms / 1000).toFixed(3);
}

async function readLimited(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > LONGEST_ANSWER_BYTES)
      throw new PrometheusError(`the answer is longer than ${LONGEST_ANSWER_BYTES} bytes`, 'unreadable');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function seriesOf(text: string, status: number): readonly Series[] {
  const body = recordOf(parsed(text));
  if (body.status === 'error') {
    const { errorType, error } = body;
    throw new PrometheusError(`${String(errorType)}: ${String(error).slice(0, 200)}`, 'refused');
  }
  if (status !== 200 || body.status !== 'success')
    throw new PrometheusError(`status ${status}, and no answer of its API`, 'unreadable');
  const { resultType, result } = recordOf(body.data);
  if (!Array.isArray(result) || (resultType !== 'vector' && resultType !== 'matrix'))
    throw new PrometheusError(`a result of type ${String(resultType)}`, 'unreadable');
  return result.map((row) => {
    const { metric, value, values } = recordOf(row);
    const pairs = resultType === 'vector' ? [value] : values;
    return { labels: textsOf(metric), points: Array.isArray(pairs) ? pairs.flatMap(pointOf) : [] };
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new PrometheusError('the answer is no JSON', 'unreadable');
  }
}

/** Values travel as text. NaN and the infinities are no observation, and JSON could not pass them on. */
function pointOf(pair: unknown): readonly Point[] {
  if (!Array.isArray(pair)) return [];
  const [at, value] = [Number(pair[0]), Number(pair[1])];
  return Number.isFinite(at) && Number.isFinite(value) ? [{ atMs: Math.round(at * 1000), value }] : [];
}

/** Only the kind of failure goes on: the message of a failed fetch can hold the whole address. */
function kindOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause as { code?: unknown } | undefined) : undefined;
  return typeof cause?.code === 'string' ? cause.code : 'no answer';
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  const texts: Record<string, string> = Object.create(null);
  for (const [name, text] of Object.entries(recordOf(value))) texts[name] = String(text);
  return texts;
}
