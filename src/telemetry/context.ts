/** Owns what is known about the work under way, so that every log line and exemplar inside it can name it. */
import { AsyncLocalStorage } from 'node:async_hooks';

/** The work under way. Fields that are not known are left out. */
export interface WorkContext {
  /** Id of the HTTP request that the work answers. */
  readonly requestId?: string;
  /** W3C trace id, 32 hexadecimal digits. */
  readonly traceId?: string;
  /** Whether the trace is kept; one that is not kept leads nowhere from an exemplar. */
  readonly isSampled?: boolean;
  /** Name of the flow. */
  readonly flow?: string;
  /** Key of the item, for logs and traces only: never a metric label. */
  readonly item?: string;
}

const storage = new AsyncLocalStorage<WorkContext>();

/** Runs the work with these fields added to those of the work around it; answers what the work answers. */
export function inContext<T>(fields: WorkContext, work: () => T): T {
  const outer = storage.getStore();
  return storage.run(outer === undefined ? fields : { ...outer, ...fields }, work);
}

/** Runs the work with these fields alone: a background job must not carry the name of what started it. */
export function inNewContext<T>(fields: WorkContext, work: () => T): T {
  return storage.run(fields, work);
}

/** The fields as a log line spells them; empty outside of any work. */
export function contextFields(): Readonly<Record<string, string>> {
  const context = storage.getStore();
  if (context === undefined) return NOTHING;
  const { requestId, traceId, flow, item } = context;
  const fields: Record<string, string> = {};
  if (requestId !== undefined) fields.request_id = requestId;
  if (traceId !== undefined) fields.trace_id = traceId;
  if (flow !== undefined) fields.flow = flow;
  if (item !== undefined) fields.item = item;
  return fields;
}

/** Id of the request under way, if any. */
export function currentRequestId(): string | undefined {
  return storage.getStore()?.requestId;
}

/** Id of the trace under way when it is kept, for exemplars; undefined when tracing is off. */
export function sampledTraceId(): string | undefined {
  const context = storage.getStore();
  return context?.isSampled === true ? context.traceId : undefined;
}

/** The trace under way as labels of an exemplar; undefined when it is not kept, or tracing is off. */
export function exemplarLabels(): { readonly trace_id: string } | undefined {
  const traceId = sampledTraceId();
  return traceId === undefined ? undefined : { trace_id: traceId };
}

const NOTHING: Readonly<Record<string, string>> = Object.freeze({});
