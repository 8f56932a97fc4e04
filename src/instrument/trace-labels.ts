/** Owns the question for the trace in force, which belongs to the host and may fail. */

/** Labels of the trace in force, such as `{ trace_id }`. */
export type TraceLabels = Readonly<Record<string, string>>;

/** Answers the labels of the trace in force, or undefined without one. */
export type AskTrace = () => TraceLabels | undefined;

/** The answer; undefined also when there is nobody to ask, or the question throws. */
export function traceLabels(ask: AskTrace | undefined): TraceLabels | undefined {
  if (ask === undefined) return undefined;
  try {
    return ask();
  } catch {
    return undefined;
  }
}
