/** Owns the look at a host's own OpenTelemetry: which trace is under way, asked of the API that both share. */
import { isSpanContextValid, TraceFlags, trace } from '@opentelemetry/api';

/**
 * Id of the host's trace under way, 32 hexadecimal digits; undefined when there is none or it is not kept. Give it to
 * a logger as `traceId`. Costs well under a microsecond, with and without an SDK.
 */
export function activeTraceId(): string | undefined {
  const found = trace.getActiveSpan()?.spanContext();
  if (found === undefined || !isSpanContextValid(found)) return undefined;
  return (found.traceFlags & TraceFlags.SAMPLED) === 0 ? undefined : found.traceId;
}

/** The host's trace under way as labels of an exemplar: the `exemplar` option of the instrumentations. */
export function activeExemplar(): { readonly trace_id: string } | undefined {
  const traceId = activeTraceId();
  return traceId === undefined ? undefined : { trace_id: traceId };
}
