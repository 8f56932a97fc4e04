/** Owns the log: one JSON line per event, without secrets, and a repeated message only now and then. */

import { type DestinationStream, pino } from 'pino';
import { comesLater } from '../resilience/late-answer.js';
import { InstrumentOptionError, SetupReader } from '../resilience/setup-options.js';
import { contextFields } from './context.js';
import { errorFields } from './error-fields.js';
import { LineCounts, type LogMetrics } from './line-counts.js';
import { createRedactor } from './redaction.js';
import { createRepeatLimit } from './repeat-limit.js';

/** The levels, the least first. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
/** How much a line matters. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Extra fields of a line. An Error becomes type, code, message, stack and causes; other values must fit JSON. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Writes lines of one part of the program. The message is a constant sentence and the changing values are fields:
 * the limit on repeats counts by logger, level and message.
 */
export interface Logger extends Readonly<Record<LogLevel, (msg: string, fields?: LogFields) => void>> {
  /**
   * The logger of another part. The name replaces this logger's name. `repeats`: `limited` (the default), or `all`, which
   * lifts the limit for this part, whose lines are somebody's only answer.
   */
  named(name: string, repeats?: 'limited' | 'all'): Logger;
}

/** The root of all loggers, with the switches that hold for every one of them. */
export interface RootLogger extends Logger {
  /** Lines below it are not written from now on. Throws InstrumentOptionError for what is no level. */
  setLevel(level: LogLevel | 'silent'): void;
  /** Keeps this value out of every line from now on; for secrets that come later or rotate. */
  protect(secret: string): void;
  /** Lines held back as repeats since the start. */
  suppressedLines(): number;
  /** Counts the lines of all loggers of this root on the metrics, those since the start included; the answer ends that. */
  countOn(metrics: LogMetrics): () => void;
}

/** Options of a logger. A wrong or unknown one throws InstrumentOptionError. */
export interface LoggerOptions {
  /** Value of `logger` in the lines of the root. Default `flowgauge`; 1 to 100 characters. */
  readonly name?: string;
  /** Lines below this level are not written. Default `info`. */
  readonly level?: LogLevel | 'silent';
  /** Where lines go, each ending in a newline; needs `write`. Default: standard output, written before the call returns. */
  readonly stream?: DestinationStream;
  /** Values that must never be written: passwords, tokens, whole connection URLs. None by default; at most 1,000 texts. */
  readonly secrets?: readonly string[];
  /** Wall clock in milliseconds since the epoch. Default the system's. */
  readonly now?: () => number;
  /**
   * A message is written at most once in this span, in milliseconds; `fatal` always. Default 10,000; 0 to 2,147,483,647,
   * and 0 lifts the limit.
   */
  readonly repeatMs?: number;
  /** Id of the trace under way in a host that has tracing of its own, asked for each line that has none yet. None by default. */
  readonly traceId?: () => string | undefined;
  /** Where the lines are counted by level, from `createMetrics()`. Nowhere by default. */
  readonly metrics?: LogMetrics;
}

/** Names that the line itself uses: a field of the same name would make two keys of one line. */
const RESERVED = new Set(['level', 'time', 'logger', 'msg', 'suppressed']);

const KNOWN = [
  'name',
  'level',
  'stream',
  'secrets',
  'now',
  'repeatMs',
  'traceId',
  'metrics',
] as const satisfies readonly (keyof LoggerOptions)[];
const SWITCH = [...LOG_LEVELS, 'silent'] as const;

/** The root logger. Logging never throws, whatever the fields hold. Throws InstrumentOptionError for a wrong option. */
export function createLogger(options: LoggerOptions = {}): RootLogger {
  const read = new SetupReader('createLogger', options, KNOWN);
  const rootName = read.text('name', 'flowgauge');
  const level = read.oneOf('level', 'info', SWITCH);
  const now = read.optionalFunction<() => number>('now') ?? Date.now;
  const traceIdOf = read.optionalFunction<() => string | undefined>('traceId');
  if (read.has('stream') && typeof options.stream?.write !== 'function') {
    throw read.refusal('stream', 'a stream with write');
  }
  const redactor = createRedactor(secretsOf(options.secrets));
  const repeats = createRepeatLimit({ windowMs: read.ms('repeatMs', 10_000, 0), maxEntries: 1_000 });
  const counts = new LineCounts(LOG_LEVELS);
  if (read.has('metrics') && typeof options.metrics?.logMessages?.inc !== 'function') {
    throw read.refusal('metrics', 'metrics of createMetrics()');
  }
  if (options.metrics !== undefined) counts.tellTo(options.metrics);
  const lines = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      // pino's own serializer takes anything with a message for an error and folds its causes into one text.
      serializers: { err: (fields) => fields },
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: redactor.redactJson },
    },
    options.stream ?? standardOutput(),
  );

  function write({ name, isLimited }: Part, level: LogLevel, msg: string, fields: LogFields): void {
    if (!lines.isLevelEnabled(level)) return;
    const verdict = level === 'fatal' || !isLimited ? 0 : repeats.admit(`${name}\n${level}\n${msg}`, now());
    if (verdict === 'suppressed') {
      counts.suppressed(level);
      return;
    }
    counts.written(level);
    const line: Record<string, unknown> = { logger: name };
    if (verdict > 0) line.suppressed = verdict;
    Object.assign(line, contextFields());
    try {
      const traceId = line.trace_id === undefined ? traceIdOf?.() : undefined;
      // An id that comes later is none of this line.
      if (traceId !== undefined && !comesLater(traceId)) line.trace_id = traceId;
      for (const [key, value] of Object.entries(fields)) {
        line[RESERVED.has(key) ? `field_${key}` : key] = value instanceof Error ? errorFields(value) : value;
      }
      lines[level](line, msg);
    } catch (error) {
      // A field with a throwing getter: the event itself must still be told.
      lines[level]({ logger: name, log_error: String(error) }, msg);
    }
  }

  function tryWrite(part: Part, level: LogLevel, msg: string, fields: LogFields): void {
    try {
      write(part, level, msg, fields);
    } catch {
      // A full disk or a clock that was handed in: a line is lost, and whoever logs has other things to do.
    }
  }

  function named(name: string, told: 'limited' | 'all' = 'limited'): Logger {
    const part: Part = { name, isLimited: told === 'limited' };
    const methods = LOG_LEVELS.map((level) => {
      return [level, (msg: string, fields: LogFields = {}) => tryWrite(part, level, msg, fields)] as const;
    });
    return { ...(Object.fromEntries(methods) as Record<LogLevel, Logger[LogLevel]>), named };
  }

  return {
    ...named(rootName),
    setLevel(next) {
      if (!SWITCH.includes(next))
        throw new InstrumentOptionError('level', `one of: ${SWITCH.join(', ')}`, next);
      lines.level = next;
    },
    protect: redactor.add,
    suppressedLines: repeats.suppressed,
    countOn: (metrics) => counts.tellTo(metrics),
  };
}

/** Who writes. */
interface Part {
  readonly name: string;
  /** Whether a repeated message is held back. */
  readonly isLimited: boolean;
}

/** What is wrong among secrets is never shown: it may be one. */
function secretsOf(secrets: unknown = []): readonly string[] {
  const isRight = Array.isArray(secrets) && secrets.length <= 1_000;
  if (isRight && secrets.every((one) => typeof one === 'string')) return secrets;
  const rule = 'a list of at most 1000 texts (the value is not shown, only its type)';
  throw new InstrumentOptionError('secrets', rule, typeof secrets, 'createLogger');
}

function standardOutput(): DestinationStream {
  const stream = pino.destination({ dest: 1, sync: true });
  // `flowgauge serve | head` closes the pipe: without a listener that would end the process.
  stream.on('error', () => {});
  return stream;
}
