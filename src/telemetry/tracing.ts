/** Owns what a span is to the rest of the program, and the switch: without it no tracing package is even loaded. */
import type { Logger } from './logger.js';

/** Values that hang on a span. Never a secret, a query text or a whole URL. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** A stretch of work. */
export interface SpanSpec {
  /** Low in variety: `GET /api/flows/:flow`, `job lease`, `store load totals`; what varies is an attribute. */
  readonly name: string;
  /** `server` and `client` are the two sides of a call between processes. */
  readonly kind: 'internal' | 'server' | 'client';
  readonly attributes?: SpanAttributes;
  /** Where it hangs: under the work around it (default), under nothing, or under the caller that these headers name. */
  readonly parent?: 'current' | 'none' | Readonly<Record<string, string | string[] | undefined>>;
}

/** What the work may tell while its span is open. */
export interface OpenSpan {
  rename(name: string): void;
  set(attributes: SpanAttributes): void;
  /** Marks the span as failed; `reason` is a stable code, never a message. */
  fail(reason: string): void;
}

/** Makes spans, or does nothing at all. */
export interface Tracing {
  readonly isOn: boolean;
  /** Runs the work inside a span; its result and its error are passed on untouched, and the error's code is kept. */
  span<T>(spec: SpanSpec, work: (span: OpenSpan) => T): T;
  /** Sends what is left, for at most so many milliseconds; false when something may be lost. Repeatable. */
  stop(deadlineMs: number): Promise<boolean>;
}

const SILENT: OpenSpan = { rename() {}, set() {}, fail() {} };

/** Tracing that is off: calls the work and nothing else. */
export const noTracing: Tracing = {
  isOn: false,
  span: (_spec, work) => work(SILENT),
  stop: async () => true,
};

/** What the start of tracing needs. */
export interface TracingOptions {
  /** Name of the service unless the environment says another. */
  readonly serviceName: string;
  readonly version: string;
  /** Told of the exporter's trouble. */
  readonly log: Pick<Logger, 'warn' | 'debug'>;
}

/** What is told of an error on a span: its code or class, because messages may hold values. */
export function errorType(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && code !== '' ? code : error.name;
}
