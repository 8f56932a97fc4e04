/** Checks the application as a whole: health, HEAD, and that the table of routes is all there is. */

import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { routeTable } from '../../src/http/route-table.js';
import { startFace } from './face.js';

describe('health', () => {
  test.each(['/-/healthy', '/healthz', '/livez'])('%s says alive, whatever else is broken', async (path) => {
    const broken = () => {
      throw new Error('broken');
    };
    const { get } = await startFace({ flows: broken, ready: broken, scrape: broken });
    const { status, headers, text } = await get(path);
    expect([status, headers['content-type'], text]).toEqual([200, 'text/plain; charset=utf-8', 'alive\n']);
  });

  test.each(['/-/ready', '/readyz'])('%s tells whether and why not', async (path) => {
    let readiness = { ready: true, reasons: [] as string[] };
    const { get } = await startFace({ ready: () => readiness });
    const good = await get(path);
    expect([good.status, good.text]).toEqual([200, '{"ready":true,"reasons":[]}\n']);
    readiness = { ready: false, reasons: ['the store does not answer'] };
    const bad = await get(path);
    expect([bad.status, bad.text]).toEqual([
      503,
      '{"ready":false,"reasons":["the store does not answer"]}\n',
    ]);
  });

  test('a readiness check that throws is not ready, and its error stays in the log', async () => {
    const ready = () => {
      throw new Error('postgres://u:pw@db');
    };
    const { get, logs } = await startFace({ ready });
    const { status, text } = await get('/readyz');
    expect([status, text]).toEqual([
      503,
      '{"ready":false,"reasons":["the readiness check itself failed"]}\n',
    ]);
    expect(logs.join('')).toContain('readiness check failed');
  });
});

test('HEAD answers what GET answers, without the body', async () => {
  let destroyed = false;
  const body = () =>
    new Readable({
      read() {},
      destroy(error, done) {
        destroyed = true;
        done(error);
      },
    });
  const { get } = await startFace();
  for (const path of [
    '/',
    '/metrics',
    '/-/healthy',
    '/readyz',
    '/api/flows',
    '/api/flows/tokens',
    '/api/flows/no',
    '/no',
  ]) {
    const [full, head] = [await get(path), await get(path, { method: 'HEAD' })];
    expect([path, head.status, head.text]).toEqual([path, full.status, '']);
    expect({ ...head.headers, date: '' }).toEqual({ ...full.headers, date: '' });
  }
  const streaming = await startFace({ scrape: async () => ({ status: 200, headers: {}, body: body() }) });
  expect(await streaming.get('/metrics', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  expect(destroyed).toBe(true);
});

test('every route of the application is in the table, and the other way round', async () => {
  const { app } = await startFace();
  const stack = app.router.stack as unknown as {
    route?: { path: string; methods: Record<string, boolean> };
  }[];
  const mounted = stack.flatMap(({ route }) => (route === undefined ? [] : [route.path])).sort();
  const deps = { telemetryPath: '/metrics' } as Parameters<typeof routeTable>[0];
  expect(mounted).toEqual(
    routeTable(deps)
      .map((row) => row.path)
      .sort(),
  );
});
