/** Proves the HTTP of alerts on real sockets: who may send, how much, what is answered, and when it must be 503. */
import { describe, expect, it } from 'vitest';
import type { AlertDeps } from '../../src/http/alert-api.js';
import { notification } from '../notifications/relay.js';
import { startFace } from './face.js';

const JSON_TYPE = { 'content-type': 'application/json' };

function alerts(over: Partial<AlertDeps> = {}): { readonly deps: AlertDeps; readonly calls: unknown[] } {
  const calls: unknown[] = [];
  const deps: AlertDeps = {
    takeIn: async (batch, requestId) => {
      calls.push([batch.groupKey, requestId]);
      return { stored: batch.alerts.length, repeats: 0 };
    },
    mayIngest: () => true,
    history: async (query) => {
      calls.push(query);
      return {
        events: [],
        total: 0,
        mean_time_to_acknowledge_seconds: null,
        mean_time_to_resolve_seconds: null,
      };
    },
    deadLetters: async () => [],
    redrive: async (query) => {
      calls.push(query);
      return 1;
    },
    logger: { warn: () => {}, error: () => {} },
    requestId: () => 'request-1',
    ...over,
  };
  return { deps, calls };
}

const webhook = (body: string, headers: Record<string, string> = JSON_TYPE) => ({
  path: '/api/alerts/webhook',
  method: 'POST',
  headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
  body,
});

describe('the webhook', () => {
  it('answers 200 with what was stored, and hands on the id of the request', async () => {
    const { deps, calls } = alerts();
    const face = await startFace({ alerts: deps });
    const { path, ...init } = webhook(notification([{}, {}]));
    const answer = await face.get(path, init);
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { stored: 2, repeats: 0 }]);
    expect(calls).toEqual([['{}:{alertname="FlowStalled"}', 'request-1']]);
  });

  it('does not exist without a way to people', async () => {
    const face = await startFace();
    const { path, ...init } = webhook(notification([{}]));
    expect((await face.get(path, init)).status).toBe(404);
  });

  it('is not for GET', async () => {
    const face = await startFace({ alerts: alerts().deps });
    const answer = await face.get('/api/alerts/webhook');
    expect([answer.status, answer.headers.allow]).toEqual([405, 'POST']);
  });

  it('asks for the token before it reads a byte', async () => {
    const { deps, calls } = alerts({ mayIngest: (authorization) => authorization === 'Bearer right' });
    const face = await startFace({ alerts: deps });
    const { path, ...init } = webhook(notification([{}]));
    const refused = await face.get(path, init);
    expect([refused.status, JSON.parse(refused.text).code]).toEqual([401, 'TOKEN_REFUSED']);
    expect(calls).toEqual([]);
    const taken = await face.get(path, {
      ...init,
      headers: { ...init.headers, authorization: 'Bearer right' },
    });
    expect(taken.status).toBe(200);
  });

  it.each([
    ['no JSON', '{', 400, 'BAD_FIELD'],
    ['no UTF-8', '\u00ff', 400, 'BAD_FIELD'],
    ['more than 1 MiB', `"${'x'.repeat(1_048_576)}"`, 413, 'BODY_TOO_LARGE'],
  ])('refuses %s', async (_what, body, status, code) => {
    const face = await startFace({ alerts: alerts().deps });
    const { path, ...init } = webhook(body);
    const answer = await face.get(path, init);
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([status, code]);
  });

  it('refuses more than 1 MiB also when the length is not told, and what is compressed', async () => {
    const face = await startFace({ alerts: alerts().deps });
    const chunked = { method: 'POST', headers: { ...JSON_TYPE, 'transfer-encoding': 'chunked' } };
    expect((await face.get('/api/alerts/webhook', { ...chunked, body: 'x'.repeat(1_100_000) })).status).toBe(
      413,
    );
    const packed = { method: 'POST', headers: { ...JSON_TYPE, 'content-encoding': 'gzip' }, body: 'x' };
    expect((await face.get('/api/alerts/webhook', packed)).status).toBe(415);
  });

  it('answers 503 with Retry-After when it cannot store, and when storing takes too long', async () => {
    for (const takeIn of [() => Promise.reject(new Error('no store')), () => new Promise<never>(() => {})]) {
      const face = await startFace({ alerts: alerts({ takeIn, deadlineMs: 100 }).deps });
      const { path, ...init } = webhook(notification([{}]));
      const answer = await face.get(path, init);
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5']);
      expect(JSON.parse(answer.text).code).toBe('STORE_UNAVAILABLE');
    }
  });
});

describe('history and dead letters', () => {
  it('reads the conditions of the history', async () => {
    const { deps, calls } = alerts();
    const face = await startFace({ alerts: deps });
    const answer = await face.get(
      '/api/alerts/history?alertname=A&status=firing&since=2026-01-02T00:00:00Z&limit=5',
    );
    expect(answer.status).toBe(200);
    expect(calls).toEqual([
      { alertname: 'A', status: 'firing', sinceMs: Date.UTC(2026, 0, 2), untilMs: undefined, limit: 5 },
    ]);
    for (const bad of ['status=x', 'since=yesterday', 'limit=0', 'limit=1001'])
      expect((await face.get(`/api/alerts/history?${bad}`)).status).toBe(400);
  });

  it('redrives by conditions, never everything by accident, and not for a form of a browser', async () => {
    const { deps, calls } = alerts();
    const face = await startFace({ alerts: deps });
    const redrive = (body: string, headers = JSON_TYPE) =>
      face.get('/api/notifications/dead/redrive', { method: 'POST', headers, body });
    expect(JSON.parse((await redrive('{"ids":[7],"reason":"expired"}')).text)).toEqual({ redriven: 1 });
    // PostgreSQL keeps no NUL: asked for it, it refuses, which is not that it does not answer.
    const nul = await redrive('{"reason":"a\\u0000"}');
    expect([nul.status, JSON.parse(nul.text).field]).toEqual([400, 'reason']);
    const named = await face.get('/api/alerts/history?alertname=%00');
    expect([named.status, JSON.parse(named.text).field]).toEqual([400, 'alertname']);
    expect(calls).toEqual([{ ids: ['7'], reason: 'expired', sinceMs: undefined, untilMs: undefined }]);
    for (const bad of ['{}', '[]', '{"ids":["7"]}', '{"ids":[0]}', '{"since":"x"}', 'no'])
      expect([bad, (await redrive(bad)).status]).toEqual([bad, 400]);
    const form = await redrive('{"ids":[7]}', { 'content-type': 'text/plain' });
    expect(form.status).toBe(400);
    expect(calls).toHaveLength(1);
  });
});
