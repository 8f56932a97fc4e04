/** Checks the id of each request: taken over or made, on the answer and on every line, and the lines of bad ends. */
import { expect, test } from 'vitest';
import { acceptedRequestId } from '../../src/http/request-context.js';
import { startFace } from './face.js';

test('an id that the caller sent is on the answer, in the problem and in the log line', async () => {
  const fail = () => {
    throw new Error('broken');
  };
  const { get, logs } = await startFace({ flows: fail });
  const headers = { 'x-request-id': 'edge:7f-3' };
  const { headers: answer, text } = await get('/api/flows', { headers });
  expect(answer['x-request-id']).toBe('edge:7f-3');
  expect(JSON.parse(text).request_id).toBe('edge:7f-3');
  expect(JSON.parse(logs[0]!)).toMatchObject({ msg: 'request failed', request_id: 'edge:7f-3' });
});

test('without one, or with one that could do harm, a new one is made', async () => {
  const { get } = await startFace();
  for (const sent of ['', 'a b', 'x'.repeat(129), '"quoted"', '{"a":1}', '-dash']) {
    const { headers } = await get('/healthz', { headers: { 'x-request-id': sent } });
    expect(headers['x-request-id'], sent).toBe('request-1');
  }
  expect((await get('/healthz')).headers['x-request-id']).toBe('request-1');
});

test('two headers of the name are none, and common forms of ids pass', () => {
  expect(acceptedRequestId(['a', 'b'])).toBeUndefined();
  for (const id of [
    '4b7c1f9e-8d6a-4f0e-9f55-0a8e2f1c7b11',
    '1-67891233-abcdef012345678912345678',
    'AQ==/x+y',
  ]) {
    expect(acceptedRequestId(id)).toBe(id);
  }
});

test('lines written anywhere inside a request name it', async () => {
  const { get, logs } = await startFace({
    stuck: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error('store is away');
    },
  });
  await get('/api/flows/tokens/stuck');
  expect(logs.length).toBeGreaterThan(0);
  for (const line of logs) expect(JSON.parse(line).request_id).toBe('request-1');
});

test('an answer of 503 leaves a line, a probe or a scrape that is told to wait does not', async () => {
  const busy = { status: 503, headers: {}, body: 'busy\n' } as const;
  const { get, logs } = await startFace({
    scrape: async () => busy,
    ready: () => ({ ready: false, reasons: ['not yet'] }),
    stuck: () => new Promise(() => {}),
    stuckDeadlineMs: 20,
  });
  expect((await get('/-/ready')).status).toBe(503);
  expect((await get('/metrics')).status).toBe(503);
  expect(logs).toEqual([]);
  const { status } = await get('/api/flows/tokens/stuck');
  expect(status).toBeGreaterThan(500);
  expect(logs.map((line) => JSON.parse(line))).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      msg: 'request answered with an error',
      route: '/api/flows/:flow/stuck',
      status,
      request_id: 'request-1',
    }),
  );
});
