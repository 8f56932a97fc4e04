/** Owns what a probe is: one question to a service within a deadline, and an answer that is never an exception. */
import type { ProbeKind } from '../config/probe-url.js';
import type { PROBE_REASONS } from '../metrics/catalog-probes.js';
import type { ProbeFacts } from '../metrics/probe-series.js';
import { failureOf, type ProbeFailure } from './failure.js';

/** Why a probe failed. */
export type ProbeReason = (typeof PROBE_REASONS)[number];

/** What one run found out. `message` is for people: what, and the remedy; it holds no secret and no text of the service. */
export type ProbeOutcome =
  | {
      readonly success: true;
      readonly reason?: undefined;
      readonly latencyMs: number;
      readonly facts: ProbeFacts;
    }
  | {
      readonly success: false;
      readonly reason: ProbeReason;
      readonly message: string;
      readonly latencyMs: number;
      readonly facts: ProbeFacts;
    };

/** A service that can be asked how it is. */
export interface Probe {
  /** Lower-case words joined by `_`; the label `probe`. */
  readonly name: string;
  readonly kind: ProbeKind;
  /** Whom it asks, for people: never with a user, a password or a query. */
  readonly target: string;
  /** Milliseconds after which the outcome is `timeout`. */
  readonly deadlineMs: number;
  /** Asks once. Never rejects, and ends at the deadline or as soon as `signal` aborts, whatever the service does. */
  run(signal: AbortSignal): Promise<ProbeOutcome>;
}

/** What one question is given: when to stop, and a place to note what was learnt even if it fails later. */
export interface Asking {
  readonly signal: AbortSignal;
  /** Milliseconds left when the question began. */
  readonly deadlineMs: number;
  note(facts: ProbeFacts): void;
}

/** What makes a probe of one kind. */
export interface ProbeSpec extends Pick<Probe, 'name' | 'kind' | 'target' | 'deadlineMs'> {
  /** Resolves when all is well; rejects, best with a ProbeFailure, otherwise. It stops soon after the signal aborts. */
  ask(asking: Asking): Promise<void>;
}

/** The probe of a question: it adds the deadline, the clock, and the words for what went wrong. */
export function createProbe(spec: ProbeSpec, nowMs: () => number): Probe {
  const { name, kind, target, deadlineMs } = spec;
  return {
    name,
    kind,
    target,
    deadlineMs,
    async run(signal) {
      const startedMs = nowMs();
      let facts: ProbeFacts = {};
      const note = (more: ProbeFacts) => {
        facts = { ...facts, ...more };
      };
      const failure = await bounded(spec, signal, note);
      // What a question that was left behind learns later must not change an outcome that was told already.
      const told = { latencyMs: nowMs() - startedMs, facts };
      if (failure === undefined) return { success: true, ...told };
      return { success: false, reason: failure.reason, message: failure.message, ...told };
    },
  };
}

/** Undefined when the question was answered well in time. */
async function bounded(
  spec: ProbeSpec,
  signal: AbortSignal,
  note: Asking['note'],
): Promise<ProbeFailure | undefined> {
  const controller = new AbortController();
  let end: (failure: ProbeFailure) => void = () => {};
  const ended = new Promise<ProbeFailure>((resolve) => {
    end = resolve;
  });
  const stop = (reason: 'timeout' | 'cancelled') => {
    end(failureOf({ ended: reason, deadlineMs: spec.deadlineMs }, spec.target));
    controller.abort();
  };
  const cancel = () => stop('cancelled');
  const timer = setTimeout(() => stop('timeout'), spec.deadlineMs);
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  try {
    const asked = spec
      .ask({ signal: controller.signal, deadlineMs: spec.deadlineMs, note })
      .then(() => undefined)
      .catch((error: unknown) => failureOf(error, spec.target));
    return await Promise.race([ended, asked]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
  }
}
