/** Checks the OpenAPI document by using it: a small client made from it walks over all routes and compares the answers. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openApiDocument } from '../../src/http/openapi.js';
import { ROUTES } from '../../src/http/route-table.js';
import { maintenanceDeps } from '../maintenance/made-up-maintenance.js';
import { healthDeps } from '../operations/made-up-facts.js';
import { monitoringDeps } from '../operations/made-up-monitoring.js';
import { startFace } from './face.js';

interface Operation {
  readonly parameters?: readonly { name: string; in: string; example?: string }[];
  readonly requestBody?: unknown;
  readonly responses: Record<string, { content: Record<string, { schema?: object }> }>;
}
type Paths = Record<string, Record<string, Operation>>;

const document = openApiDocument(ROUTES, '1.2.3') as { paths: Paths; components: object };

function face() {
  return startFace({
    ...healthDeps(),
    ...monitoringDeps(),
    maintenance: maintenanceDeps(),
    runbooks: new Map([['FlowStalled', '# FlowStalled']]),
    alerts: {
      takeIn: async () => ({ stored: 1, repeats: 0 }),
      mayIngest: () => true,
      history: async () => ({
        events: [],
        total: 0,
        mean_time_to_acknowledge_seconds: null,
        mean_time_to_resolve_seconds: 1.5,
      }),
      deadLetters: async () => [],
      redrive: async () => 2,
      logger: { warn() {}, error() {} },
      requestId: () => undefined,
    },
    admin: {
      perform: async (_call, work) => ({ kind: 'done', answer: await work() }),
      seen: async () => true,
      denied() {},
      resetBreakers: () => ['telegram'],
      reload: () => ({ kind: 'unchanged', applied: [], restartRequired: [] }),
    },
    access: { admit: async () => ({ kind: 'admitted', caller: { name: 'test', grants: ['admin'] } }) },
  });
}

const BODIES: Readonly<Record<string, unknown>> = {
  '/api/alerts/webhook': {
    version: '4',
    groupKey: '{}:{alertname="A"}',
    status: 'firing',
    receiver: 'oncall',
    alerts: [
      {
        status: 'firing',
        labels: { alertname: 'A' },
        annotations: {},
        startsAt: '2026-01-02T03:04:05Z',
        endsAt: '0001-01-01T00:00:00Z',
        fingerprint: 'a1b2c3d4e5f60718',
      },
    ],
  },
  '/api/notifications/dead/redrive': { ids: [1] },
  '/admin/circuit-breaker/reset': { reason: 'test' },
  '/-/reload': { reason: 'test' },
  '/api/monitoring/maintenance/enable': { matchers: { flow: 'tokens' }, reason: 'test' },
  '/api/monitoring/maintenance/disable': {},
  '/api/monitoring/alerts/resolve': { reason: 'test' },
};

function targetOf(path: string, { parameters = [] }: Operation): string {
  const filled = path.replace('{flow}', 'tokens').replace('{alert}', 'FlowStalled');
  const query = parameters
    .filter((one) => one.in === 'query')
    .map(({ name, example }) => `${name}=${encodeURIComponent(example ?? '')}`);
  return query.length === 0 ? filled : `${filled}?${query.join('&')}`;
}

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
);

describe('the document', () => {
  it('names every route once, each with an id of its own', () => {
    expect(operations).toHaveLength(ROUTES.length);
    const ids = ROUTES.map(({ operation }) => operation.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is what the exporter says of itself', async () => {
    const { get } = await face();
    expect(JSON.parse((await get('/openapi.json')).text).paths).toEqual(
      JSON.parse(JSON.stringify(document.paths)),
    );
  });

  it.each(operations)('$method $path answers as described', async ({ path, method, operation }) => {
    const { get } = await face();
    const body = operation.requestBody === undefined ? undefined : JSON.stringify(BODIES[path]);
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await get(targetOf(path, operation), {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    expect([path, answer.status, answer.text.slice(0, 300)]).toEqual([path, 200, expect.anything()]);
    const described = operation.responses['200']!.content;
    const type = String(answer.headers['content-type']).split(';')[0]!;
    expect(Object.keys(described)).toEqual([type]);
    const schema = described[type]!.schema;
    if (schema === undefined) return;
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
    expect([validate(JSON.parse(answer.text)), validate.errors]).toEqual([true, null]);
  });
});

it('no request to a described route makes a 5xx, and every refusal is described', async () => {
  const { get } = await face();
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom('__proto__', '..', '1e9', '-1', 'NaN'),
  );
  const json = fc.oneof(
    fc.json(),
    fc.string(),
    fc.json().map((one) => `{"reason":"a","__proto__":${one}}`),
  );
  const asked = fc.record({ one: fc.constantFrom(...operations), text, json });
  await fc.assert(
    fc.asyncProperty(asked, async ({ one, text: value, json: body }) => {
      const named = one.path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(value) || 'x');
      const names = (one.operation.parameters ?? []).filter((p) => p.in === 'query').map(({ name }) => name);
      const query = names.map((name) => `${name}=${encodeURIComponent(value)}`).join('&');
      const headers = {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
      };
      const sent = one.method === 'POST' ? { headers, body } : {};
      const { status } = await get(query === '' ? named : `${named}?${query}`, {
        method: one.method,
        ...sent,
      });
      expect(status).toBeLessThan(500);
      const isLost = status === 404 && one.path.includes('{');
      if (!isLost) expect(Object.keys(one.operation.responses)).toContain(String(status));
    }),
    { numRuns: 300, seed: 7 },
  );
});
