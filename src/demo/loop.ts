/** Owns the demo's repeated work: one run after the other, a pause between, and an end that leaves no timer. */
import { setTimeout as pause } from 'node:timers/promises';

/** Where the demo tells what happens; a pino logger fits. */
export interface DemoLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface LoopOptions {
  /** Names the loop in the log. */
  readonly name: string;
  /** Pause between the end of one run and the start of the next. */
  readonly intervalMs: number;
  readonly log: DemoLog;
  readonly signal: AbortSignal;
}

/** Runs `work` until the signal fires; a failed run is told and the next one tries again. Never rejects. */
export async function runLoop(options: LoopOptions, work: () => Promise<void> | void): Promise<void> {
  while (!options.signal.aborted) {
    try {
      await work();
    } catch (error) {
      if (options.signal.aborted) return;
      options.log.warn(
        { loop: options.name, reason: reasonOf(error) },
        'demo step failed, it will be repeated',
      );
    }
    await sleep(options.intervalMs, options.signal);
  }
}

/** Resolves after the time, or at once when the signal fires. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => {});
}

/** The code of an error where it has one: driver messages may carry the connection's address. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
