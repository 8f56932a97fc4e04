/** Owns the question for the trace in force, which belongs to the host and may fail. */
import { comesLater } from '../resilience/late-answer.js';

/** Labels of the trace in force, such as `{ trace_id }`. */
export type TraceLabels = Readonly<Record<string, string>>;

/** Answers the labels of the trace in force, or undefined without one. */
export type AskTrace = () => TraceLabels | undefined;

/** The answer; undefined also when there is nobody to ask, the question throws, or its answer comes later. */
export function traceLabels(ask: AskTrace | undefined): TraceLabels | undefined {
  if (ask === undefined) return undefined;
  try {
    const labels = ask();
    return comesLater(labels) ? undefined : labels;
  } catch {
    return undefined;
  }
}
