/** Owns what answers about a counted flow share: which one is meant, its days, the store's answer in time, and why there is none. */
import type { FlowDays } from '../operations/flow-days.js';
import type { FlowFacts, HealthFacts } from '../operations/health-facts.js';
import { chooseFlow } from '../operations/monitoring-facts.js';
import type { Logger } from '../telemetry/logger.js';
import type { FaceRequest } from './answer.js';
import { badField, type HttpProblem, notConfigured, unavailable } from './problem.js';

const DEFAULT_DEADLINE_MS = 5_000;

/** What to do about moves that are not known: a snapshot counts items and sees none, other modes count from their baseline on. */
export const MOVES_REMEDIES = {
  snapshot: 'let its capture be journal or poll; flowgauge check says what that needs',
  counted: 'try again; if it stays, see /-/ready',
} as const;

/** How a question to the store is told of, and bounded. */
export interface StoreAsked {
  readonly logger: Pick<Logger, 'warn'>;
  /** Longest wait, milliseconds. Default 5,000. */
  readonly deadlineMs?: number | undefined;
}

/** The flow that is asked for by `flow`, the usual one, or the only one. Throws an HttpProblem when it cannot be told. */
export function flowOf(
  facts: Pick<HealthFacts, 'flows' | 'ready'>,
  query: URLSearchParams,
  usual: string,
): FlowFacts {
  const asked = query.get('flow') ?? undefined;
  const chosen = chooseFlow(facts.flows(), asked, usual);
  if (chosen.kind === 'chosen') return chosen.flow;
  if (chosen.kind === 'none open')
    throw facts.ready().uncounted.length > 0
      ? uncounted('no flow is counted yet')
      : notConfigured('no flow is configured', 'name a table in flows');
  throw badField('flow', asked ?? '', `one of: ${chosen.names.join(', ')}`);
}

/** The days that were read; a 503 while the moves of the flow are not counted. */
export function countedDays(
  { flow, mode }: Pick<FlowFacts, 'flow' | 'mode'>,
  read: FlowDays | undefined,
): FlowDays {
  if (read !== undefined) return read;
  const detail = `moves of the flow ${flow} are not counted`;
  throw mode === 'snapshot' ? notConfigured(detail, MOVES_REMEDIES.snapshot) : uncounted(detail);
}

/** What the store answers within the deadline; a 503 that says so when it does not. `what` is in the plural. */
export async function inTime<T>(
  { logger, deadlineMs = DEFAULT_DEADLINE_MS }: StoreAsked,
  request: Pick<FaceRequest, 'signal' | 'params'>,
  what: string,
  read: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(deadlineMs)]);
  try {
    return await Promise.race([read(signal), rejectOn(signal)]);
  } catch (error) {
    // A caller who is gone gets no answer and is no fault of the store.
    if (!request.signal.aborted) logger.warn(`${what} could not be read`, { ...request.params, err: error });
    throw unavailable(
      'STORE_UNAVAILABLE',
      `the store did not answer, so ${what} are not known`,
      'try again; if it stays, see the readiness endpoint and the log',
    );
  }
}

function uncounted(detail: string): HttpProblem {
  return unavailable('FLOWS_UNCOUNTED', detail, MOVES_REMEDIES.counted);
}

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
