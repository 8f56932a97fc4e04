/** Owns the log: one JSON line per event, without secrets, and a repeated message only now and then. */

import { type DestinationStream, pino } from 'pino';
import { contextFields } from './context.js';
import { errorFields } from './error-fields.js';
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
  /** The logger of another part. The name replaces this logger's name. */
  named(name: string): Logger;
}

/** The root of all loggers, with the switches that hold for every one of them. */
export interface RootLogger extends Logger {
  setLevel(level: LogLevel | 'silent'): void;
  /** Keeps this value out of every line from now on; for secrets that come later or rotate. */
  protect(secret: string): void;
  /** Lines held back as repeats since the start. */
  suppressedLines(): number;
}

/** Options of a logger. */
export interface LoggerOptions {
  /** Value of `logger` in the lines of the root. Default `flowgauge`. */
  readonly name?: string;
  /** Lines below this level are not written. Default `info`. */
  readonly level?: LogLevel | 'silent';
  /** Where lines go, each ending in a newline. Default: standard output, written before the call returns. */
  readonly stream?: DestinationStream;
  /** Values that must never be written: passwords, tokens, whole connection URLs. */
  readonly secrets?: readonly string[];
  /** Wall clock in milliseconds since the epoch. Default the system's. */
  readonly now?: () => number;
  /** A message is written at most once in this span, in milliseconds; `fatal` always. Default 10,000; 0 lifts the limit. */
  readonly repeatMs?: number;
  /** Id of the trace under way in a host that has tracing of its own, asked for each line that has none yet. */
  readonly traceId?: () => string | undefined;
}

/** Names that the line itself uses: a field of the same name would make two keys of one line. */
const RESERVED = new Set(['level', 'time', 'logger', 'msg', 'suppressed']);

/** The root logger. Logging never throws, whatever the fields hold. */
export function createLogger(options: LoggerOptions = {}): RootLogger {
  const now = options.now ?? Date.now;
  const redactor = createRedactor(options.secrets ?? []);
  const repeats = createRepeatLimit({ windowMs: options.repeatMs ?? 10_000, maxEntries: 1_000 });
  const lines = pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      // pino's own serializer takes anything with a message for an error and folds its causes into one text.
      serializers: { err: (fields) => fields },
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: redactor.redactJson },
    },
    options.stream ?? standardOutput(),
  );

  function write(name: string, level: LogLevel, msg: string, fields: LogFields): void {
    if (!lines.isLevelEnabled(level)) return;
    const verdict = level === 'fatal' ? 0 : repeats.admit(`${name}\n${level}\n${msg}`, now());
    if (verdict === 'suppressed') return;
    const line: Record<string, unknown> = { logger: name };
    if (verdict > 0) line.suppressed = verdict;
    Object.assign(line, contextFields());
    try {
      const traceId = line.trace_id === undefined ? options.traceId?.() : undefined;
      if (traceId !== undefined) line.trace_id = traceId;
      for (const [key, value] of Object.entries(fields)) {
        line[RESERVED.has(key) ? `field_${key}` : key] = value instanceof Error ? errorFields(value) : value;
      }
      lines[level](line, msg);
    } catch (error) {
      // A field with a throwing getter: the event itself must still be told.
      lines[level]({ logger: name, log_error: String(error) }, msg);
    }
  }

  function named(name: string): Logger {
    const methods = LOG_LEVELS.map((level) => {
      return [level, (msg: string, fields: LogFields = {}) => write(name, level, msg, fields)] as const;
    });
    return { ...(Object.fromEntries(methods) as Record<LogLevel, Logger[LogLevel]>), named };
  }

  return {
    ...named(options.name ?? 'flowgauge'),
    setLevel(level) {
      lines.level = level;
    },
    protect: redactor.add,
    suppressedLines: repeats.suppressed,
  };
}

function standardOutput(): DestinationStream {
  const stream = pino.destination({ dest: 1, sync: true });
  // `flowgauge serve | head` closes the pipe: without a listener that would end the process.
  stream.on('error', () => {});
  return stream;
}
