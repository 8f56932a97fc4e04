/** Owns the frame around each run of a job: a context of its own, and a span that hangs under nothing. */
import type { Beat } from '../resilience/job.js';
import { inNewContext, sampledTraceId, type WorkContext } from './context.js';
import type { Tracing } from './tracing.js';

/** What matters here of a supervised job. */
interface NamedJob {
  readonly name: string;
  run(signal: AbortSignal, beat: Beat): Promise<unknown>;
}

/**
 * The job with its runs inside a span `job NAME` and inside `context`. `noteTrace` hears the trace of each run as it
 * begins, undefined when it is not kept.
 */
export function tracedJob<J extends NamedJob>(
  job: J,
  tracing: Pick<Tracing, 'span'>,
  context: WorkContext = {},
  noteTrace: (traceId: string | undefined) => void = () => {},
): J {
  const spec = {
    name: `job ${job.name}`,
    kind: 'internal',
    parent: 'none',
    attributes: { 'flowgauge.job': job.name },
  } as const;
  return {
    ...job,
    run: (signal, beat) =>
      inNewContext(context, () =>
        tracing.span(spec, () => {
          noteTrace(sampledTraceId());
          return job.run(signal, beat);
        }),
      ),
  };
}
