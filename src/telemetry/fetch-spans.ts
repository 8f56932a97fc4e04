/** Owns the spans of outgoing `fetch` calls, made from the diagnostics channels of Node's own HTTP client. */
import diagnostics from 'node:diagnostics_channel';
import {
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { errorType } from './tracing.js';

/** The parts of a request of the client that matter here; the channels are documented, the object is not closed. */
interface ClientRequest {
  readonly method?: string;
  readonly origin?: string | URL;
  addHeader(name: string, value: string): void;
}

/**
 * Begins a client span for each request and sends its `traceparent` along; the answer ends it all. Host and port are
 * told, the path is not: some services take their password there.
 */
export function watchFetch(tracer: Tracer): () => void {
  // Weak, because a request that is dropped without an end tells nobody.
  const spans = new WeakMap<ClientRequest, Span>();

  function begin({ request }: { request: ClientRequest }): void {
    const method = request.method ?? 'GET';
    const url = request.origin === undefined ? undefined : new URL(String(request.origin));
    const span = tracer.startSpan(method, {
      kind: SpanKind.CLIENT,
      attributes: {
        'http.request.method': method,
        ...(url === undefined ? {} : { 'server.address': url.hostname, 'server.port': portOf(url) }),
      },
    });
    spans.set(request, span);
    const headers: Record<string, string> = {};
    propagation.inject(trace.setSpan(context.active(), span), headers);
    for (const [name, value] of Object.entries(headers)) request.addHeader(name, value);
  }

  function answered({
    request,
    response,
  }: {
    request: ClientRequest;
    response: { statusCode: number };
  }): void {
    const span = spans.get(request);
    if (span === undefined) return;
    span.setAttribute('http.response.status_code', response.statusCode);
    if (response.statusCode >= 400) fail(span, String(response.statusCode));
  }

  function end({ request, error }: { request: ClientRequest; error?: unknown }): void {
    const span = spans.get(request);
    if (span === undefined) return;
    spans.delete(request);
    if (error !== undefined) fail(span, errorType(error));
    span.end();
  }

  const subscriptions = [
    ['undici:request:create', begin],
    ['undici:request:headers', answered],
    ['undici:request:trailers', end],
    ['undici:request:error', end],
  ] as const;
  const listeners = subscriptions.map(([channel, act]) => {
    const listener = (message: unknown) => {
      // Thrown from here it would surface as an uncaught exception of the process that called fetch.
      try {
        act(message as never);
      } catch (error) {
        trace.getActiveSpan()?.setAttribute('flowgauge.trace_problem', errorType(error));
      }
    };
    diagnostics.subscribe(channel, listener);
    return [channel, listener] as const;
  });
  return () => {
    for (const [channel, listener] of listeners) diagnostics.unsubscribe(channel, listener);
  };
}

function fail(span: Span, reason: string): void {
  span.setAttribute('error.type', reason).setStatus({ code: SpanStatusCode.ERROR });
}

function portOf(url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
}
