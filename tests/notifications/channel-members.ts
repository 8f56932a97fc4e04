/** Owns the ways out to people as members of one contract: how each of them is brought into every situation. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Secret } from '../../src/config/secret.js';
import type { Channel } from '../../src/notifications/channel.js';
import { EmailChannel } from '../../src/notifications/email.js';
import { slackBody } from '../../src/notifications/slack.js';
import { TelegramChannel } from '../../src/notifications/telegram.js';
import { WebhookChannel, type WebhookChannelOptions } from '../../src/notifications/webhook-channel.js';
import { type MailEnd, startFakeMail } from '../harness/smtp.js';
import { startFakeTelegram } from '../harness/telegram.js';
import { failure, type TelegramFault } from '../harness/telegram-faults.js';

/** What the other side does with a request. `limited` asks for 7 seconds; `refusal` is final. */
export const situations = [
  'success',
  'limited',
  'server error',
  'refusal',
  'reset',
  'stall',
  'redirect',
] as const;
/** What the other side does with a request. */
export type Situation = (typeof situations)[number];

/** The secret of every member. */
export const CANARY = 'canaryCANARY0123456789';

/** A channel and the other side of it. */
export interface Member {
  readonly channel: Channel;
  /** The same channel with a short deadline. */
  readonly hasty: Channel;
  /** The same channel towards a port on which nobody listens. */
  readonly astray: (port: number) => Channel;
  /** From now on, every request ends so. */
  set(situation: Situation): void;
  /** Requests that the other side has seen. */
  requests(): number;
  close(): Promise<void>;
}

/** Deadlines of one request: far off, and soon enough to be waited for in a test. */
const PATIENT_MS = 20_000;
const HASTY_MS = 800;

/** All channels by name. */
export const members: Readonly<Record<string, () => Promise<Member>>> = {
  telegram: startTelegram,
  webhook: () => startWebhook({}),
  slack: () => startWebhook({ name: 'slack', bodyOf: slackBody }),
  email: startEmail,
};

async function startTelegram(): Promise<Member> {
  const token = `7000000003:${CANARY}`;
  const fake = await startFakeTelegram({ token });
  const faults: Readonly<Record<Situation, TelegramFault | undefined>> = {
    success: undefined,
    limited: { kind: 'limited', retryAfterSeconds: 7 },
    'server error': failure(502, `Bad Gateway /bot${token}/`),
    refusal: failure(403, `Forbidden: bot was blocked by the user /bot${token}/`),
    reset: { kind: 'reset' },
    stall: { kind: 'stall' },
    redirect: {
      kind: 'answer',
      status: 307,
      body: '',
      headers: { location: `${fake.url}/bot${token}/getMe` },
    },
  };
  const channelTo = (apiUrl: string, requestTimeoutMs = PATIENT_MS) =>
    new TelegramChannel({
      apiUrl,
      token: () => new Secret(token),
      requestTimeoutMs,
      pauseMs: 1,
    });
  return {
    channel: channelTo(fake.url),
    hasty: channelTo(fake.url, HASTY_MS),
    astray: (port) => channelTo(`http://127.0.0.1:${port}`),
    set: (situation) => fake.setScript(() => faults[situation]),
    requests: () => fake.requests().length,
    close: () => fake.close(),
  };
}

async function startWebhook(how: Pick<WebhookChannelOptions, 'name' | 'bodyOf'>): Promise<Member> {
  let situation: Situation = 'success';
  let requests = 0;
  const status: Readonly<Partial<Record<Situation, number>>> = {
    success: 200,
    limited: 429,
    'server error': 502,
    refusal: 410,
    redirect: 307,
  };
  const server = createServer((request, response) => {
    requests += 1;
    request.resume();
    if (situation === 'reset') return request.socket.resetAndDestroy();
    const code = status[situation];
    if (code === undefined) return undefined;
    const headers = { 'retry-after': '7', location: `http://127.0.0.1:${port}/elsewhere` };
    return response.writeHead(code, headers).end(`no ${CANARY}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const channelTo = (to: number, requestTimeoutMs = PATIENT_MS) =>
    new WebhookChannel({
      urlOf: () => `http://127.0.0.1:${to}/hook/${CANARY}`,
      requestTimeoutMs,
      ...how,
    });
  return {
    channel: channelTo(port),
    hasty: channelTo(port, HASTY_MS),
    astray: (to) => channelTo(to),
    set: (next) => {
      situation = next;
    },
    requests: () => requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A mail server has no redirect: the nearest is that it names another one, which must not be asked. */
async function startEmail(): Promise<Member> {
  const login = { user: 'alerts', password: CANARY };
  const fake = await startFakeMail({ login });
  const ends: Readonly<Record<Situation, MailEnd | undefined>> = {
    success: undefined,
    limited: `450 4.2.1 ${CANARY} is greylisted, try again in 7 seconds`,
    'server error': `451 4.3.0 no ${CANARY}`,
    refusal: `554 5.7.1 no ${CANARY}`,
    reset: 'reset',
    stall: 'stall',
    redirect: '551 5.1.6 try <1@127.0.0.2>',
  };
  const channelTo = (port: number, requestTimeoutMs = PATIENT_MS) =>
    new EmailChannel({
      host: '127.0.0.1',
      port,
      tls: 'off',
      login: { user: login.user, password: () => new Secret(CANARY) },
      from: 'alerts@example.org',
      requestTimeoutMs,
    });
  return {
    channel: channelTo(fake.port),
    hasty: channelTo(fake.port, HASTY_MS),
    astray: (port) => channelTo(port),
    set: (situation) => fake.setEnd(ends[situation]),
    requests: () => fake.bodies(),
    close: () => fake.close(),
  };
}
