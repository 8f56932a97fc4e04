/** Owns the probe of Redis: it lets us in, answers, and tells of its memory and its cache. */
import type { Socket } from 'node:net';
import type { RedisProbeConfig } from '../config/probes.js';
import type { ProbeFacts } from '../metrics/probe-series.js';
import { dial } from './dial.js';
import { ProbeFailure } from './failure.js';
import { authorityOf, type ProbeParts } from './http-target.js';
import type { ProbeSpec } from './probe.js';
import { encodeCommand, infoFields, MAX_REPLY_BYTES, type RespReply, readReply } from './resp.js';
import { secretOf } from './secrets.js';

/** Asks AUTH where a password is configured, PING, and INFO where the account may. */
export function redisProbe(config: RedisProbeConfig, parts: ProbeParts): ProbeSpec {
  const { name, kind, target, timeoutMs, host, port } = config;
  return {
    name,
    kind,
    target,
    deadlineMs: timeoutMs,
    async ask({ signal, note }) {
      const login = loginOf(config, parts);
      const tls = config.isTls ? { ca: authorityOf(config.caFile, target) } : undefined;
      const socket = await dial(parts.net, { host, port, tls, target }, signal, (tlsExpirySeconds) =>
        note({ tlsExpirySeconds }),
      );
      try {
        const redis = new Conversation(socket, target);
        if (login !== undefined) expectText(asLogin(await redis.say(login)), target);
        expectText(await redis.say(['PING']), target);
        const memory = await redis.say(['INFO', 'memory']);
        const stats = await redis.say(['INFO', 'stats']);
        note(factsOf(memory, stats));
      } finally {
        socket.destroy();
      }
    },
  };
}

function loginOf(config: RedisProbeConfig, { readSecret }: ProbeParts): readonly string[] | undefined {
  if (config.passwordFile === undefined) return undefined;
  const password = secretOf(readSecret, config.passwordFile, 'password_file', config.target);
  return config.username === undefined ? ['AUTH', password] : ['AUTH', config.username, password];
}

/** A server without a password answers AUTH with a plain ERR. */
function asLogin(reply: RespReply): RespReply {
  return reply.kind === 'error' && reply.word === 'ERR' ? { kind: 'error', word: 'WRONGPASS' } : reply;
}

function expectText(reply: RespReply, target: string): void {
  if (reply.kind === 'text') return;
  const word = reply.kind === 'error' ? reply.word : 'a number';
  throw refusal(word, target);
}

function refusal(word: string, target: string): ProbeFailure {
  if (/^(NOAUTH|WRONGPASS|NOPERM|DENIED)$/.test(word)) {
    return new ProbeFailure(
      'auth',
      `${target} does not let us in (${word}). Check username and password_file, and what the account may do (PING, INFO).`,
    );
  }
  if (word === 'LOADING') {
    return new ProbeFailure(
      'unavailable',
      `${target} is loading its data (LOADING). It answers when it is done.`,
    );
  }
  if (/^(MASTERDOWN|MAXCLIENTS|BUSY|MISCONF|CLUSTERDOWN|OOM)$/.test(word)) {
    return new ProbeFailure(
      'unavailable',
      `${target} does no work now (${word}). Look at the log of the service.`,
    );
  }
  return new ProbeFailure('protocol', `${target} answered ${word}. Check that it is a Redis.`);
}

/** An account that may PING but not INFO is no failure: only the numbers are missing. */
function factsOf(memory: RespReply, stats: RespReply): ProbeFacts {
  const number = (reply: RespReply, field: string) => {
    const value = reply.kind === 'text' ? infoFields(reply.text).get(field) : undefined;
    return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
  };
  return {
    redisMemoryUsedBytes: number(memory, 'used_memory'),
    redisMemoryMaxBytes: number(memory, 'maxmemory'),
    redisKeyspaceHits: number(stats, 'keyspace_hits'),
    redisKeyspaceMisses: number(stats, 'keyspace_misses'),
  };
}

/** One command at a time on one connection. */
class Conversation {
  #bytes: Buffer = Buffer.alloc(0);
  #wake: () => void = () => {};
  #error: Error | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly target: string,
  ) {
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    const fail = (error?: Error) => {
      this.#error ??= error ?? Object.assign(new Error('closed'), { code: 'CONNECTION_CLOSED' });
      this.#wake();
    };
    socket.on('error', fail);
    socket.on('close', () => fail());
  }

  /** Sends a command and answers its reply; rejects when the connection ends or speaks something else. */
  async say(words: readonly string[]): Promise<RespReply> {
    this.socket.write(encodeCommand(words));
    for (;;) {
      const step = readReply(this.#bytes, 0);
      if (step.kind === 'reply') {
        this.#bytes = this.#bytes.subarray(step.end);
        return step.reply;
      }
      if (step.kind === 'broken' || this.#bytes.length > MAX_REPLY_BYTES + 64) {
        throw new ProbeFailure(
          'protocol',
          `${this.target} does not speak as Redis does. Check the port, and whether it wants TLS (rediss://).`,
        );
      }
      if (this.#error !== undefined) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
