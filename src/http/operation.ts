/** Owns how a route describes itself: what it takes and what it answers, as the OpenAPI document prints it. */

/** A JSON Schema (2020-12). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A value in the path, the query or the headers. */
export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly description: string;
  readonly schema: JsonSchema;
  /** A value that works on a running exporter. Parameters of a path have none when only the running one knows it. */
  readonly example?: string;
}

/** One good answer; errors are problem details and need no description of their own. */
export interface AnswerDoc {
  readonly description: string;
  /** Media type without parameters. */
  readonly type: 'application/json' | 'text/html' | 'text/plain';
  readonly schema?: JsonSchema;
}

/** What a route is, in words and schemas. */
export interface Operation {
  /** Unique; the name of the call in generated clients. */
  readonly id: string;
  /** One sentence. */
  readonly summary: string;
  readonly parameters?: readonly Parameter[];
  readonly body?: {
    readonly schema: JsonSchema;
    readonly limitBytes: number;
    /** Whether the call means something without a body. Default: it does not. */
    readonly isOptional?: true;
  };
  /** By status. */
  readonly answers: Readonly<Record<number, AnswerDoc>>;
  /** Statuses of errors that this route can have beside those of every route. */
  readonly problems?: readonly number[];
}

/** An object with exactly these fields, all of them there. */
export function object(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

/** A list. */
export function listOf(items: JsonSchema): JsonSchema {
  return { type: 'array', items };
}

/** The same, or null while it is not known. */
export function orNull(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: 'null' }] };
}

/** Any text. */
export const TEXT: JsonSchema = { type: 'string' };
/** Any finite number. */
export const NUMBER: JsonSchema = { type: 'number' };
/** A number of things. */
export const COUNT: JsonSchema = { type: 'integer', minimum: 0 };
/** True or false. */
export const FLAG: JsonSchema = { type: 'boolean' };
/** A moment such as 2026-01-02T03:04:05Z. */
export const MOMENT: JsonSchema = { type: 'string', format: 'date-time' };
