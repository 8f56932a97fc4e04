/** Owns the OpenAPI 3.1 document: printed from the table of routes, never written by hand. */
import type { Role } from '../access/role.js';
import { type JsonSchema, object, type Parameter, TEXT } from './operation.js';
import type { Route } from './route.js';

const PROBLEM: JsonSchema = {
  ...object({ type: TEXT, status: { type: 'integer' }, title: TEXT, code: TEXT, detail: TEXT }),
  description: 'What went wrong (RFC 9457). `code` is stable, `remedy` says what to do.',
  additionalProperties: true,
};

const PROBLEM_WORDS: Readonly<Record<number, string>> = {
  400: 'The request is not as described; `field`, `value` and `remedy` say where and how.',
  401: 'No credentials, or wrong ones.',
  403: 'These credentials do not have the role, or the request came from a page of another place.',
  404: 'There is nothing of this name.',
  409: 'The same idempotency key is in use by another request.',
  413: 'The body is too long.',
  415: 'The body is compressed or of another type.',
  421: 'The host name of the request is not one of this exporter.',
  429: 'Too many requests, or too many wrong passwords; `Retry-After` says when to come back.',
  503: 'A part that the answer needs is not configured or did not answer, or too much was asked at once; `remedy` says what to do.',
};

/** The document of these routes. */
export function openApiDocument(routes: readonly Route[], version: string): JsonSchema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Flowgauge',
      version,
      description:
        'Every route of the exporter. `x-role` is what the caller must be given; an exporter without credentials, on a loopback address, asks for none. GET answers HEAD as well.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // A document has no address of its own: the one that it was read from is meant.
    servers: [{ url: './' }],
    paths,
    components: {
      schemas: { Problem: PROBLEM },
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic' },
        token: { type: 'http', scheme: 'bearer' },
      },
    },
  };
}

function operationOf({ role, operation, method }: Route): JsonSchema {
  const { id, summary, parameters = [], body, answers } = operation;
  const good = Object.entries(answers).map(([status, { description, type, schema }]) => [
    status,
    { description, content: { [type]: schema === undefined ? {} : { schema } } },
  ]);
  const problems = problemsOf(role, method, operation)
    .filter((status) => answers[status] === undefined)
    .map((status) => [
      String(status),
      {
        description: PROBLEM_WORDS[status],
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]);
  return {
    operationId: id,
    summary,
    'x-role': role,
    security: role === 'none' ? [] : [{ basic: [] }, { token: [] }],
    ...(parameters.length === 0 ? {} : { parameters: parameters.map(parameterOf) }),
    ...(body === undefined
      ? {}
      : {
          'x-body-limit-bytes': body.limitBytes,
          requestBody: {
            required: body.isOptional !== true,
            content: { 'application/json': { schema: body.schema } },
          },
        }),
    responses: Object.fromEntries([...good, ...problems]),
  };
}

/** Every error status that a route can have. */
function problemsOf(
  role: Role,
  method: Route['method'],
  { parameters = [], body, problems = [] }: Route['operation'],
): number[] {
  const found = new Set([429, ...problems]);
  if (role !== 'none') for (const status of [401, 403, 421]) found.add(status);
  if (parameters.length > 0 || body !== undefined) found.add(400);
  if (body !== undefined || method === 'POST') for (const status of [413, 415]) found.add(status);
  return [...found].sort((a, b) => a - b);
}

function parameterOf({ name, in: place, description, schema, example }: Parameter): JsonSchema {
  return {
    name,
    in: place,
    required: place === 'path',
    description,
    schema,
    ...(example === undefined ? {} : { example }),
  };
}
