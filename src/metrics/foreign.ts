/** Owns asking metrics that are not ours for their samples, each alone and within one deadline. */
import { Pace } from './pace.js';

/** A metric as a registry holds it, before anything about it is known for sure. */
export interface ForeignMetric {
  readonly name: string;
  get(): unknown;
}

/** What became of one question. `data` is what `get()` gave, unchecked. */
export type Answer =
  | { readonly outcome: 'answered'; readonly data: unknown; readonly durationMs: number }
  | { readonly outcome: 'failed' | 'late'; readonly durationMs: number };

export interface AskOptions {
  /** Milliseconds until those without an answer are left out. */
  readonly deadlineMs: number;
  /** Aborted: the deadline is now. */
  readonly signal?: AbortSignal | undefined;
}

interface Question {
  readonly startedMs: number;
  readonly answer: Promise<Answer>;
  /** A scrape has waited for it in vain. */
  givenUp: boolean;
}

/** Questions without an answer yet: a collector is never run twice at once, whoever asks. */
const running = new WeakMap<ForeignMetric, Question>();

/**
 * Asks every metric and waits for the answers. Resolves at the deadline at the latest and never rejects;
 * a metric that an earlier scrape gave up on is `late` at once until it answers, so that it slows one scrape only.
 */
export async function askAll(
  metrics: readonly ForeignMetric[],
  options: AskOptions,
): Promise<ReadonlyMap<ForeignMetric, Answer>> {
  const answers = new Map<ForeignMetric, Answer>();
  if (metrics.length === 0) return answers;
  const open = new Map<ForeignMetric, Question>();
  const pending: Promise<void>[] = [];
  const pace = new Pace();
  for (const metric of metrics) {
    const question = running.get(metric) ?? ask(metric);
    open.set(metric, question);
    if (question.givenUp) continue;
    pending.push(
      question.answer.then((answer) => {
        open.delete(metric);
        answers.set(metric, answer);
      }),
    );
    if (pace.due) await pace.rest();
  }
  await firstOf(Promise.all(pending), options);
  // A copy: an answer that comes later must not change what is printed now.
  const inTime = new Map(answers);
  for (const [metric, question] of open) {
    question.givenUp = true;
    inTime.set(metric, { outcome: 'late', durationMs: performance.now() - question.startedMs });
  }
  return inTime;
}

function ask(metric: ForeignMetric): Question {
  const startedMs = performance.now();
  const answer = answerOf(metric, startedMs).finally(() => running.delete(metric));
  const question: Question = { startedMs, answer, givenUp: false };
  running.set(metric, question);
  return question;
}

async function answerOf(metric: ForeignMetric, startedMs: number): Promise<Answer> {
  try {
    const data = await metric.get();
    return { outcome: 'answered', data, durationMs: performance.now() - startedMs };
  } catch {
    return { outcome: 'failed', durationMs: performance.now() - startedMs };
  }
}

/** Waits until all are answered, the deadline or the signal, whichever is first. */
async function firstOf(all: Promise<unknown>, { deadlineMs, signal }: AskOptions): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let stop = (): void => {};
  let stopped = false;
  const end = new Promise<void>((resolve) => {
    stop = () => {
      stopped = true;
      resolve();
    };
    timer = setTimeout(stop, Math.max(0, deadlineMs));
    signal?.addEventListener('abort', stop, { once: true });
  });
  if (signal?.aborted) stop();
  await Promise.race([all, end]);
  clearTimeout(timer);
  signal?.removeEventListener('abort', stop);
  // Without this turn an answer that is there already would be lost to a caller in a hurry.
  if (stopped) await new Promise((resolve) => setImmediate(resolve));
}
