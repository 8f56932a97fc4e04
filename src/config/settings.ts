/** Owns the walk over the schema: the known keys at a path, and the list of all keys with their documentation. */
import { z } from 'zod';
import { type FieldDoc, fieldDocs } from './fields.js';
import { configSchema } from './schema.js';

/** One key of the file. Names chosen by the user stand as `<flow>` and `<status>`. */
export interface Setting {
  readonly path: readonly string[];
  readonly doc: FieldDoc;
  /** True for a map of further keys. */
  readonly section: boolean;
}

const USER_NAMES: Readonly<Record<string, string>> = {
  flows: '<flow>',
  limits: '<status>',
  probes: '<probe>',
  header_files: '<header>',
  chats: '<chat>',
  webhooks: '<webhook>',
  routes: '<receiver>',
  windows: '<window>',
};

/** Every key in the order of the schema, sections before their keys. */
export function listSettings(): readonly Setting[] {
  const settings: Setting[] = [];
  collect(configSchema, [], settings);
  return settings;
}

function collect(schema: z.ZodType, path: readonly string[], into: Setting[]): void {
  const doc = docOf(schema);
  const inner = unwrap(schema);
  const below = children(inner, path.at(-1));
  if (doc !== undefined) into.push({ path, doc, section: below.length > 0 });
  for (const [key, child] of below) collect(child, [...path, key], into);
}

function children(schema: z.ZodType, name: string | undefined): readonly (readonly [string, z.ZodType])[] {
  if (schema instanceof z.ZodObject) {
    const named = Object.entries(schema.shape as Record<string, z.ZodType>);
    const others = freeKeys(schema);
    return others === undefined ? named : [...named, [USER_NAMES[name ?? ''] ?? '<name>', others]];
  }
  if (schema instanceof z.ZodRecord)
    return [[USER_NAMES[name ?? ''] ?? '<name>', schema.valueType as z.ZodType]];
  return [];
}

/** What stands behind keys of any other name, where a map takes those beside its own. */
function freeKeys(schema: z.ZodObject): z.ZodType | undefined {
  const { catchall } = schema.def;
  return catchall === undefined || catchall instanceof z.ZodNever ? undefined : (catchall as z.ZodType);
}

/** The keys a map at this path may have; empty when the path is no map or its names are free. */
export function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  const schema = schemaAt(path);
  const inner = schema === undefined ? undefined : unwrap(schema);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

/** The documentation of the key at this path. */
export function docAt(path: readonly PropertyKey[]): FieldDoc | undefined {
  const schema = schemaAt(path);
  return schema === undefined ? undefined : docOf(schema);
}

function schemaAt(path: readonly PropertyKey[]): z.ZodType | undefined {
  let schema: z.ZodType | undefined = configSchema;
  for (const part of path) {
    const inner: z.ZodType | undefined = schema === undefined ? undefined : unwrap(schema);
    if (inner instanceof z.ZodObject)
      schema = (inner.shape as Record<string, z.ZodType>)[String(part)] ?? freeKeys(inner);
    else if (inner instanceof z.ZodRecord) schema = inner.valueType as z.ZodType;
    else return undefined;
  }
  return schema;
}

function docOf(schema: z.ZodType): FieldDoc | undefined {
  const doc = fieldDocs.get(schema);
  if (doc !== undefined) return doc;
  const inner = unwrapOnce(schema);
  return inner === undefined ? undefined : docOf(inner);
}

function unwrap(schema: z.ZodType): z.ZodType {
  const inner = unwrapOnce(schema);
  return inner === undefined ? schema : unwrap(inner);
}

function unwrapOnce(schema: z.ZodType): z.ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return schema.unwrap() as z.ZodType;
  }
  // A preprocessing pipe ends in the real schema; a checked field ends in its transform and is a leaf.
  const isPreprocess = schema instanceof z.ZodPipe && !(schema.out instanceof z.ZodTransform);
  return isPreprocess ? (schema.out as z.ZodType) : undefined;
}
