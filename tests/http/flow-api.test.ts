/** Checks the JSON of flows as a caller gets it: bodies in full, bad input, a store that fails or hangs. */

import { describe, expect, test } from 'vitest';
import type { FlowOverview } from '../../src/http/deps.js';
import { rawSocket, report, SECURITY, startFace, tokens } from './face.js';

const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

const tokensJson = {
  flow: 'tokens',
  table: 'public.tokens',
  mode: 'journal',
  verdict: 'flowing',
  capture_lag_seconds: 0.25,
  statuses: [
    {
      status: 'monitoring',
      items: 12,
      stuck_items: 2,
      oldest_age_seconds: 240.5,
      limits: { warning_seconds: 180, critical_seconds: 900 },
    },
    {
      status: 'active',
      items: 0,
      stuck_items: 0,
      oldest_age_seconds: null,
      limits: { warning_seconds: null, critical_seconds: null },
    },
  ],
  as_of: '2026-01-02T03:04:05.000Z',
};

describe('flows', () => {
  test('are listed', async () => {
    const { get } = await startFace();
    const { status, headers, text } = await get('/api/flows');
    expect([status, JSON.parse(text)]).toEqual([200, { flows: [tokensJson] }]);
    expect(headers).toMatchObject({
      ...SECURITY,
      'content-type': JSON_TYPE,
      'content-length': String(text.length),
    });
    expect(headers).not.toHaveProperty('x-powered-by');
    expect(headers).not.toHaveProperty('etag');
  });

  test('are shown one by one, by any name', async () => {
    const name = 'a/b <&"%ü';
    const { get } = await startFace({ flows: () => [tokens, { ...tokens, flow: name }] });
    expect(JSON.parse((await get('/api/flows/tokens')).text)).toEqual(tokensJson);
    expect(JSON.parse((await get(`/api/flows/${encodeURIComponent(name)}`)).text)).toEqual({
      ...tokensJson,
      flow: name,
    });
  });

  test('say null for what is not known yet', async () => {
    const unknown: FlowOverview = {
      ...tokens,
      verdict: undefined,
      captureLagSeconds: undefined,
      asOf: undefined,
      limits: new Map(),
      statuses: [{ status: 'new', items: undefined, stuckItems: undefined, oldestAgeSeconds: undefined }],
    };
    const { get } = await startFace({ flows: () => [unknown] });
    expect(JSON.parse((await get('/api/flows/tokens')).text)).toEqual({
      flow: 'tokens',
      table: 'public.tokens',
      mode: 'journal',
      verdict: null,
      capture_lag_seconds: null,
      statuses: [
        {
          status: 'new',
          items: null,
          stuck_items: null,
          oldest_age_seconds: null,
          limits: { warning_seconds: null, critical_seconds: null },
        },
      ],
      as_of: null,
    });
  });

  test('that are unknown are 404 with the known names', async () => {
    const { get } = await startFace();
    const { status, headers, text } = await get('/api/flows/orders');
    expect([status, headers['content-type'], JSON.parse(text)]).toEqual([
      404,
      PROBLEM_TYPE,
      {
        type: 'about:blank',
        status: 404,
        title: 'Not Found',
        code: 'FLOW_UNKNOWN',
        detail: 'no flow of this name is configured',
        field: 'flow',
        value: 'orders',
        remedy: 'one of: tokens',
      },
    ]);
  });

  test.each(['__proto__', 'constructor', 'toString', '%00', encodeURIComponent('x'.repeat(3_000))])(
    'named %s do not exist',
    async (name) => {
      const { get } = await startFace();
      expect((await get(`/api/flows/${name}`)).status).toBe(404);
      expect((await get(`/api/flows/${name}/stuck`)).status).toBe(404);
    },
  );
});

describe('stuck items', () => {
  test('are listed with their limits and their number', async () => {
    const asked: unknown[] = [];
    const { get } = await startFace({
      stuck: async (flow, { limit }) => {
        asked.push([flow, limit]);
        return report;
      },
    });
    const { status, text } = await get('/api/flows/tokens/stuck');
    expect([status, JSON.parse(text)]).toEqual([
      200,
      {
        flow: 'tokens',
        limits: { monitoring: { warning_seconds: 180, critical_seconds: 900 } },
        items: [
          {
            id: 'So11111111111111111111111111111111111111112',
            status: 'monitoring',
            entered_at: '2026-01-02T02:47:25.000Z',
            age_seconds: 1_000,
            entered_at_exact: true,
            limit: 'critical',
          },
        ],
        total_stuck: 2,
        as_of: '2026-01-02T03:04:05.000Z',
      },
    ]);
    for (const limit of [1, 1_000]) await get(`/api/flows/tokens/stuck?limit=${limit}`);
    expect(asked).toEqual([
      ['tokens', 20],
      ['tokens', 1],
      ['tokens', 1_000],
    ]);
  });

  test.each([
    ['0', '0'],
    ['1001', '1001'],
    ['-1', '-1'],
    ['1e3', '1e3'],
    ['NaN', 'NaN'],
    ['', ''],
    ['%2010', ' 10'],
    ['9'.repeat(400), `${'9'.repeat(100)}…`],
    ['5&limit=6', '5, 6'],
    ['%3Cscript%3E', '<script>'],
  ])('with limit=%s are refused', async (written, value) => {
    const { get } = await startFace();
    const { status, headers, text } = await get(`/api/flows/tokens/stuck?limit=${written}`);
    expect([status, headers['content-type'], JSON.parse(text)]).toEqual([
      400,
      PROBLEM_TYPE,
      {
        type: 'about:blank',
        status: 400,
        title: 'Bad Request',
        code: 'BAD_FIELD',
        detail: 'limit has a value that is not allowed',
        field: 'limit',
        value,
        remedy: 'one whole number from 1 to 1000, or none for 20',
      },
    ]);
  });

  const unavailable = {
    type: 'about:blank',
    status: 503,
    title: 'Service Unavailable',
    code: 'STORE_UNAVAILABLE',
    detail: 'the store did not answer, so the stuck items are not known',
    remedy: 'try again; if it stays, see the readiness endpoint and the log',
  };

  test('are a 503 when the store never answers, and the question is called off', async () => {
    let aborted = false;
    const { get } = await startFace({
      stuckDeadlineMs: 20,
      stuck: (_, { signal }) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return new Promise(() => {});
      },
    });
    const { status, headers, text } = await get('/api/flows/tokens/stuck');
    expect([status, headers['retry-after'], JSON.parse(text), aborted]).toEqual([
      503,
      '5',
      unavailable,
      true,
    ]);
  });

  test('are a 503 without details when the store fails', async () => {
    const { get, logs } = await startFace({
      stuck: () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7:5432')),
    });
    const { status, text } = await get('/api/flows/tokens/stuck');
    expect([status, JSON.parse(text)]).toEqual([503, unavailable]);
    expect(logs.join('')).toContain('10.0.0.7');
  });

  test('are no longer asked for when the caller has gone', async () => {
    let called: ((signal: AbortSignal) => void) | undefined;
    const question = new Promise<AbortSignal>((resolve) => {
      called = resolve;
    });
    const { server, logs } = await startFace({
      stuckDeadlineMs: 1_000_000,
      stuck: (_, { signal }) => {
        called?.(signal);
        return new Promise(() => {});
      },
    });
    const socket = await rawSocket(server, 'GET /api/flows/tokens/stuck HTTP/1.1\r\nHost: x\r\n\r\n');
    const signal = await question;
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    socket.destroy();
    await aborted;
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(logs).toEqual([]);
  });
});
