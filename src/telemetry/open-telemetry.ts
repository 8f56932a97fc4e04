/** Owns OpenTelemetry while tracing is on: the only file that loads its SDK, and our spans in its terms. */
import {
  type Context,
  context,
  type DiagLogger,
  DiagLogLevel,
  diag,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { NodeSDK, resources } from '@opentelemetry/sdk-node';
import { inContext } from './context.js';
import { watchFetch } from './fetch-spans.js';
import { errorType, type OpenSpan, type SpanSpec, type Tracing, type TracingOptions } from './tracing.js';

const KINDS = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT } as const;

/** Starts the SDK and the spans of outgoing `fetch` calls. */
export function startOpenTelemetry(options: TracingOptions): Tracing {
  const sdk = new NodeSDK({
    // Traces only: the numbers are on /metrics, the lines on standard output.
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
    // The detector of the process would send its command line, and with it whatever stands there.
    resourceDetectors: [resources.envDetector, resources.hostDetector],
    resource: resources.defaultResource().merge(
      resources.resourceFromAttributes({
        'service.name': options.serviceName,
        'service.version': options.version,
      }),
    ),
  });
  diag.setLogger(diagnostics(options.log), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  sdk.start();
  const tracer = trace.getTracer('flowgauge', options.version);
  const unwatch = watchFetch(tracer);
  let stopped: Promise<boolean> | undefined;
  return {
    isOn: true,
    span: (spec, work) => runSpan(tracer, spec, work),
    stop(deadlineMs) {
      stopped ??= shutDown(sdk, unwatch, deadlineMs);
      return stopped;
    },
  };
}

function runSpan<T>(tracer: Tracer, spec: SpanSpec, work: (span: OpenSpan) => T): T {
  const parent = parentOf(spec);
  const attributes = spec.attributes === undefined ? undefined : mutable(spec.attributes);
  const span = tracer.startSpan(
    spec.name,
    { kind: KINDS[spec.kind], ...(attributes === undefined ? {} : { attributes }) },
    parent,
  );
  const { traceId, traceFlags } = span.spanContext();
  const isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
  return context.with(trace.setSpan(parent, span), () =>
    inContext({ traceId, isSampled }, () => settle(span, () => work(openSpan(span)))),
  );
}

/** Ends the span when the work has ended, at once or later. */
function settle<T>(span: Span, work: () => T): T {
  let result: T;
  try {
    result = work();
  } catch (error) {
    endFailed(span, error);
    throw error;
  }
  if (!(result instanceof Promise)) {
    span.end();
    return result;
  }
  // Beside the result and not instead of it: the caller gets the very promise that the work made.
  result.then(
    () => span.end(),
    (error: unknown) => endFailed(span, error),
  );
  return result;
}

function parentOf({ parent = 'current' }: SpanSpec): Context {
  if (parent === 'current') return context.active();
  if (parent === 'none') return ROOT_CONTEXT;
  return propagation.extract(ROOT_CONTEXT, parent);
}

function openSpan(span: Span): OpenSpan {
  return {
    rename: (name) => void span.updateName(name),
    set: (attributes) => void span.setAttributes(mutable(attributes)),
    fail: (reason) => void failed(span, reason),
  };
}

function endFailed(span: Span, error: unknown): void {
  failed(span, errorType(error)).end();
}

function failed(span: Span, reason: string): Span {
  return span.setAttribute('error.type', reason).setStatus({ code: SpanStatusCode.ERROR });
}

type Mutable = Record<string, string | number | boolean | string[]>;

function mutable(attributes: NonNullable<SpanSpec['attributes']>): Mutable {
  return attributes as Mutable;
}

function diagnostics(log: TracingOptions['log']): DiagLogger {
  // The receiver being away is no error of ours, and its texts are not constant: they are a field.
  const warn = (detail: string) => log.warn('trace export has a problem', { detail: detail.slice(0, 500) });
  const debug = (detail: string) => log.debug('trace export', { detail });
  return { error: warn, warn, info: debug, debug, verbose() {} };
}

async function shutDown(sdk: NodeSDK, unwatch: () => void, deadlineMs: number): Promise<boolean> {
  unwatch();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), deadlineMs);
  });
  const flushed = sdk.shutdown().then(
    () => true,
    () => false,
  );
  const result = await Promise.race([flushed, late]);
  clearTimeout(timer);
  return result;
}
