/** Owns the fake Telegram of the tests: an HTTP server that speaks the Bot API, keeps its limits, and fails on request. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import {
  bad,
  good,
  type TelegramAnswer,
  TelegramBot,
  type TelegramCall,
  type TelegramChat,
  type TelegramMessage,
  tooMany,
} from './telegram-bot.js';
import type { TelegramFault, TelegramScript } from './telegram-faults.js';
import {
  PUBLISHED_LIMITS,
  TelegramLimiter,
  type TelegramLimits,
  type TelegramViolation,
} from './telegram-limits.js';
import { TelegramUpdates } from './telegram-updates.js';

/** How the fake behaves. */
export interface FakeTelegramOptions {
  /** The only token that is known. Default one that looks like a real one. */
  readonly token?: string;
  /** Chats by number; left out, every number is an open chat. */
  readonly chats?: Readonly<Record<string, TelegramChat>>;
  /** Limits that differ from the published ones. */
  readonly limits?: Partial<TelegramLimits>;
  /** Failures of requests. */
  readonly script?: TelegramScript;
  /** The fake's clock, milliseconds. Default the monotonic clock times `speed`. */
  readonly nowMs?: () => number;
  /** How much faster its limits run than real time. Default 1. `retry_after` is in its seconds, too. */
  readonly speed?: number;
  /** Default a free one. */
  readonly port?: number;
}

/** A request and how it ended. */
export interface TelegramRequest extends TelegramCall {
  /** Status of the answer; 0 for none. */
  readonly status: number;
  /** The failure that was made, if any. */
  readonly fault: TelegramFault['kind'] | undefined;
}

/** A running fake. */
export interface FakeTelegram {
  /** Without token and without a slash at the end, as the real `https://api.telegram.org`. */
  readonly url: string;
  readonly port: number;
  readonly token: string;
  /** Messages as people see them now, deleted ones left out, in the order of sending. */
  messages(chat?: string | number): TelegramMessage[];
  /** Every request with the right token, in the order of arrival. */
  requests(method?: string): TelegramRequest[];
  violations(): readonly TelegramViolation[];
  /** Answers to callback queries. */
  answeredQueries(): readonly Readonly<Record<string, unknown>>[];
  /** Hands an update to the next `getUpdates`; gives its number. A callback query can be answered from then on. */
  pushUpdate(update: Readonly<Record<string, unknown>>): number;
  /** Presses the button with this data under a message; gives the query's id. */
  pressButton(
    message: TelegramMessage,
    data: string,
    from: { readonly id: number; readonly first_name?: string },
  ): string;
  /** Writes a text into a chat as a person would. */
  writeText(
    chat: string | number,
    text: string,
    from: { readonly id: number; readonly first_name?: string },
  ): void;
  /** True while a `getUpdates` waits for an update. */
  isPolled(): boolean;
  setScript(script: TelegramScript | undefined): void;
  setChat(id: string | number, chat: TelegramChat): void;
  /** The old token is refused from now on. */
  setToken(token: string): void;
  /** This message cannot be edited any more. */
  freeze(id: number): void;
  close(): Promise<void>;
}

/** Starts a fake on a port of 127.0.0.1. */
export async function startFakeTelegram(options: FakeTelegramOptions = {}): Promise<FakeTelegram> {
  const startMs = performance.now();
  const nowMs = options.nowMs ?? (() => (performance.now() - startMs) * (options.speed ?? 1));
  const limiter = new TelegramLimiter({ ...PUBLISHED_LIMITS, ...options.limits }, nowMs);
  const bot = new TelegramBot(limiter, nowMs, options.chats);
  const updates = new TelegramUpdates();
  const requests: TelegramRequest[] = [];
  let token = options.token ?? '7000000001:AAFakeTokenOfTheTests-0123456789abcdef';
  let script = options.script;
  let number = 0;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const [, given, method] = /^\/bot([^/]+)\/(\w+)$/.exec(decodeURIComponent(url.pathname)) ?? [];
    if (given === undefined || method === undefined) return reply(response, bad(404, 'Not Found'));
    if (given !== token) return reply(response, bad(401, 'Unauthorized'));
    let params: Record<string, unknown>;
    try {
      params = paramsOf(request, body, url);
    } catch {
      return reply(response, bad(400, "Bad Request: can't parse request JSON object"));
    }
    const chat = params.chat_id === undefined ? '' : String(params.chat_id);
    const call: TelegramCall = { method, params, chat, number: ++number, atMs: nowMs() };
    const fault = script?.(call);
    const note = (status: number) => requests.push({ ...call, status, fault: fault?.kind });
    if (fault !== undefined) return fail(fault, call, response, note);
    const answer = await answerTo(call, response);
    note(answer.status);
    return reply(response, answer);
  }

  function answerTo(call: TelegramCall, response: ServerResponse): TelegramAnswer | Promise<TelegramAnswer> {
    if (call.method.toLowerCase() !== 'getupdates') return bot.answer(call);
    return updates.take(call.params, (gone) => response.once('close', gone));
  }

  async function fail(
    fault: TelegramFault,
    call: TelegramCall,
    response: ServerResponse,
    note: (status: number) => void,
  ): Promise<void> {
    // Also a request that fails must keep the limits: being told to wait does not end with a broken connection.
    if (limiter.heldMs(call.chat) > 0) {
      const wait = limiter.take(call.chat)!;
      note(429);
      return reply(response, tooMany(wait));
    }
    if (fault.kind === 'limited') {
      limiter.hold(call.chat, fault.retryAfterSeconds);
      note(429);
      return reply(response, tooMany(fault.retryAfterSeconds));
    }
    if (fault.kind === 'delay') {
      await new Promise((resolve) => setTimeout(resolve, fault.ms));
      const answer = await answerTo(call, response);
      note(answer.status);
      return reply(response, answer);
    }
    const answer = fault.applied === true ? await answerTo(call, response) : good(true);
    note(fault.kind === 'answer' ? fault.status : 0);
    if (fault.kind === 'reset') response.socket?.resetAndDestroy();
    if (fault.kind === 'truncated') {
      const text = JSON.stringify(answer.body);
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length + 40 });
      response.write(text.slice(0, Math.ceil(text.length / 2)), () => response.destroy());
    }
    if (fault.kind !== 'answer') return;
    const text = typeof fault.body === 'string' ? fault.body : JSON.stringify(fault.body);
    const headers = { 'content-type': fault.contentType ?? 'application/json', ...fault.headers };
    response.writeHead(fault.status, headers).end(text);
  }

  const server = createServer((request, response) => {
    response.on('error', () => {});
    handle(request, response).catch((error: unknown) => {
      if (!response.headersSent) reply(response, bad(500, `Internal Server Error: ${String(error)}`));
    });
  });
  const sockets = trackSockets(server);
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const fake: FakeTelegram = {
    url: `http://127.0.0.1:${port}`,
    port,
    get token() {
      return token;
    },
    messages: (chat) =>
      bot.messages.filter((m) => !m.deleted && (chat === undefined || m.chat === String(chat))),
    requests: (method) => requests.filter((r) => method === undefined || r.method === method),
    violations: () => limiter.violations,
    answeredQueries: () => bot.answeredQueries,
    pushUpdate(update) {
      const query = update.callback_query as { readonly id?: unknown } | undefined;
      if (query?.id !== undefined) bot.expectQuery(String(query.id));
      return updates.push(update);
    },
    pressButton(message, data, from) {
      const id = `query-${message.id}-${updates.pushed + 1}`;
      const chat = { id: Number(message.chat) };
      const thread = message.thread === undefined ? {} : { message_thread_id: message.thread };
      const person = { is_bot: false, first_name: 'Person', ...from };
      const about = { message_id: message.id, chat, text: message.text, ...thread };
      fake.pushUpdate({ callback_query: { id, from: person, message: about, data } });
      return id;
    },
    writeText(chat, text, from) {
      const person = { is_bot: false, first_name: 'Person', ...from };
      fake.pushUpdate({
        message: { message_id: 900_000 + updates.pushed, chat: { id: Number(chat) }, from: person, text },
      });
    },
    isPolled: () => updates.isPolled,
    setScript(next) {
      script = next;
    },
    setChat: (id, chat) => bot.setChat(String(id), chat),
    setToken(next) {
      token = next;
    },
    freeze: (id) => bot.freeze(id),
    async close() {
      updates.stop();
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return fake;
}

function trackSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  return sockets;
}

function reply(response: ServerResponse, answer: TelegramAnswer): void {
  if (response.destroyed) return;
  response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Parameters come as JSON, as a form or in the query; all are legal. */
function paramsOf(request: IncomingMessage, body: string, url: URL): Record<string, unknown> {
  const params: Record<string, unknown> = Object.fromEntries(url.searchParams);
  if (body === '') return params;
  const isJson = /application\/json/i.test(request.headers['content-type'] ?? '');
  const given: unknown = isJson ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body));
  if (typeof given !== 'object' || given === null) throw new TypeError('no object');
  return Object.assign(params, given);
}
