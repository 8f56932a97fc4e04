/** Owns the start of tracing: the packages are loaded only for those who asked for it. */
import type { Tracing, TracingOptions } from './tracing.js';

/**
 * Registers OpenTelemetry for this process and exports by OTLP. Everything else (endpoint, headers, protocol, sampler,
 * resource) comes from the standard `OTEL_*` variables, which the OpenTelemetry packages read themselves. Call it
 * once, in a process that is ours: it sets the process-wide tracer.
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  // Half a second and tens of megabytes: only those who asked for it pay.
  const { startOpenTelemetry } = await import('./open-telemetry.js');
  return startOpenTelemetry(options);
}
