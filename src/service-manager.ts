/** Owns what systemd hears of this process: that it is ready, that all its jobs make progress, that it stops. */
import { spawn } from 'node:child_process';
import type { ServiceManager } from './config/service-manager.js';
import type { Job, JobState } from './resilience/job.js';
import type { Logger } from './telemetry/logger.js';

/** Node.js has no datagram sockets, so a program of systemd's own carries the messages. */
const PROGRAM = 'systemd-notify';
/** It waits until its message has been read; systemd itself reads within milliseconds. */
const TELL_DEADLINE_MS = 5_000;
/** Readiness is looked at this often until it was told; a look that has nothing new to tell starts no program. */
const LOOK_MS = 500;
/** Without signs of life only a changed status is told. */
const STATUS_EVERY_MS = 10_000;
const LONGEST_STATUS = 200;
/** Who has waited so long for its database serves and tells of it: to begin such a service anew would mend nothing. */
const READY_AT_THE_LATEST_MS = 120_000;

/** A message did not reach systemd. Remedy: the text of systemd-notify in the message; the unit needs `NotifyAccess=all`. */
export class ServiceManagerError extends Error {
  readonly code = 'SYSTEMD_NOTIFY';
  override readonly name = 'ServiceManagerError';
}

/** What the process knows of itself. */
export interface Condition {
  /** What /-/ready answers. */
  ready(): { readonly ready: boolean; readonly reasons: readonly string[] };
  /** What each supervised job is doing. */
  jobStates(): ReadonlyMap<string, JobState>;
}

/** The jobs that make no progress: aborted and still going on, or at rest because they hung again and again. */
export function hungJobs(states: ReadonlyMap<string, JobState>): readonly string[] {
  return [...states]
    .filter(([, state]) => state === 'stuck' || state === 'crash_looping')
    .map(([name]) => name);
}

/** One per process; only where a service manager listens. */
export class ServiceManagerLink {
  readonly #beganMs: number;
  #isReadyTold = false;
  #statusTold = '';
  #isMissing = false;

  constructor(
    private readonly manager: ServiceManager,
    private readonly log: Pick<Logger, 'warn' | 'error'>,
    /** Monotonic clock in milliseconds. */
    private readonly nowMs: () => number = () => performance.now(),
  ) {
    this.#beganMs = nowMs();
  }

  /** The job that tells of `condition`. As one of the supervised jobs it is itself the proof that they are looked after. */
  job(condition: Condition): Job {
    const { keepAliveMs } = this.manager;
    return {
      name: 'service_manager',
      intervalMs: () => (this.#isReadyTold ? (keepAliveMs ?? STATUS_EVERY_MS) : LOOK_MS),
      deadlineMs: 2 * TELL_DEADLINE_MS,
      backoff: { firstMs: 250, maxMs: 2_000 },
      run: async (signal) => {
        const words = this.#words(condition);
        if (words.length > 0) await this.#tell(words, signal);
        for (const word of words) {
          if (word === 'READY=1') this.#isReadyTold = true;
          if (word.startsWith('STATUS=')) this.#statusTold = word;
        }
      },
    };
  }

  /** Tells that the process stops; waits for nothing. */
  stopping(): void {
    void this.#tell(['STOPPING=1', 'STATUS=stopping']).catch(() => {});
  }

  #words(condition: Condition): readonly string[] {
    const { ready, reasons } = condition.ready();
    const words: string[] = [];
    const status = `STATUS=${ready ? 'ready' : `not ready: ${reasons.join('; ')}`}`.slice(0, LONGEST_STATUS);
    if (status !== this.#statusTold) words.push(status);
    const isUp = ready || this.#isReadyTold || this.nowMs() - this.#beganMs >= READY_AT_THE_LATEST_MS;
    if (isUp && !this.#isReadyTold) words.push('READY=1');
    const isWatched = this.manager.keepAliveMs !== undefined && isUp;
    const jobs = hungJobs(condition.jobStates());
    if (isWatched && jobs.length === 0) words.push('WATCHDOG=1');
    if (isWatched && jobs.length > 0) {
      this.log.error('jobs hang: systemd gets no sign of life and will begin this service anew', { jobs });
    }
    return words;
  }

  /** Resolves when the message was read. Rejects with ServiceManagerError. */
  async #tell(words: readonly string[], signal?: AbortSignal): Promise<void> {
    if (this.#isMissing) return;
    const failure = await carry(words, this.manager.environment, signal);
    if (failure === undefined) return;
    if (failure === 'ENOENT') {
      this.#isMissing = true;
      this.log.warn(`${PROGRAM} is not installed: systemd hears nothing of this service`);
      return;
    }
    throw new ServiceManagerError(`${PROGRAM} ${words.join(' ')}: ${failure}`);
  }
}

/** What went wrong, undefined for nothing, `ENOENT` when the program is not there. */
function carry(
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(PROGRAM, words, {
      env: { ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: TELL_DEADLINE_MS,
      killSignal: 'SIGKILL',
      ...(signal === undefined ? {} : { signal }),
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(0, 500);
    });
    child.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    child.on('close', (code, killedBy) =>
      resolve(code === 0 ? undefined : `${killedBy ?? `exit code ${code}`} ${said}`.trim()),
    );
  });
}
