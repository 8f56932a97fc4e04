/** Owns the level of the log while the process runs: the configured one, and `debug` while somebody looks. */
import type { LogLevel, RootLogger } from './telemetry/logger.js';

/** One per process. */
export class LogLevelSwitch {
  #isLooking = false;

  /** The log begins at the configured level. */
  constructor(
    private readonly log: Pick<RootLogger, 'setLevel' | 'info'>,
    private configured: LogLevel,
  ) {}

  /** `debug`, and back: a look into a running process costs no restart, and no restart hides the fault. */
  toggle(): void {
    this.#isLooking = !this.#isLooking;
    this.#put();
    // Two messages, or the limit on repeats would hide the second.
    this.log.info(this.#isLooking ? 'debug lines are on, by SIGUSR2' : 'debug lines are off, by SIGUSR2');
  }

  /** Another level was configured. Whoever is looking goes on looking. */
  take(configured: LogLevel): void {
    this.configured = configured;
    this.#put();
  }

  #put(): void {
    this.log.setLevel(this.#isLooking ? 'debug' : this.configured);
  }
}
