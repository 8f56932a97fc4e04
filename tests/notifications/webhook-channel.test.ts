/** Proves the channel to an address of one's own: what is posted, and what each answer means; its address stays secret. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebhookChannel } from '../../src/notifications/webhook-channel.js';
import { freePort } from '../harness/ports.js';

const MESSAGE = { to: { chat: 'ops' }, text: '<b>x</b>', plain: 'x', silent: false };

async function server(answer: (response: ServerResponse) => void) {
  const bodies: unknown[] = [];
  const http = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    bodies.push(JSON.parse(text));
    answer(response);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/hook-hunter2`;
  return { bodies, channel: new WebhookChannel({ urlOf: () => url, requestTimeoutMs: 500 }) };
}

describe('the webhook channel', () => {
  it('posts the plain text with an id that a second delivery has too', async () => {
    const { bodies, channel } = await server((response) => response.writeHead(204).end());
    const [first, second] = [await channel.send(MESSAGE), await channel.send(MESSAGE)];
    expect(first).toMatchObject({ kind: 'sent', chat: 'ops', how: 'new' });
    expect(second).toEqual(first);
    expect(bodies[0]).toEqual({ id: expect.stringMatching(/^[0-9a-f]{16}$/), text: 'x', silent: false });
    expect(bodies[1]).toEqual(bodies[0]);
  });

  it.each([
    [429, { 'retry-after': '7' }, { kind: 'limited', afterSeconds: 7, scope: 'chat' }],
    [503, {}, { kind: 'transient', reason: 'server_error', ambiguous: false }],
    [404, {}, { kind: 'permanent', reason: 'chat_not_found' }],
    [400, {}, { kind: 'permanent', reason: 'rejected' }],
    [302, { location: 'http://169.254.169.254/' }, { kind: 'permanent', reason: 'rejected' }],
  ])('%i', async (status, headers, outcome) => {
    const { channel } = await server((response) => response.writeHead(status, headers).end());
    expect(await channel.send(MESSAGE)).toMatchObject(outcome);
  });

  it('ends in time when nothing answers, and says that it may have arrived', async () => {
    const { channel } = await server(() => {});
    expect(await channel.send(MESSAGE)).toMatchObject({
      kind: 'transient',
      reason: 'timeout',
      ambiguous: true,
    });
  });

  it('knows that nothing arrived where nobody listens, and never names the address', async () => {
    const port = await freePort();
    for (const url of [
      `http://127.0.0.1:${port}/hook-hunter2`,
      'http://hook-hunter2.invalid/',
      'hook-hunter2',
      'http://[hook-hunter2',
    ]) {
      const channel = new WebhookChannel({ urlOf: () => url, requestTimeoutMs: 5_000 });
      const outcome = await channel.send(MESSAGE);
      expect(outcome.kind === 'transient' ? outcome.ambiguous : outcome.kind).toBe(
        outcome.kind === 'transient' ? false : 'permanent',
      );
      expect(JSON.stringify(outcome)).not.toContain('hunter2');
    }
  });
});
