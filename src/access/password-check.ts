/** Owns the comparing of passwords with bcrypt hashes, in a thread of its own: one takes longer than a scrape may wait. */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

/** Compares passwords. */
export interface PasswordCheck {
  /** Whether the password has this hash; undefined when too many wait already, or the thread failed. */
  isRight(password: string, hash: string): Promise<boolean | undefined>;
  /** Starts the thread: done by the first password instead, that would hold up every other request for its while. */
  begin(): void;
  /** Ends the thread. */
  close(): Promise<void>;
}

/** bcrypt looks at no more bytes; a longer password would be right with any ending. */
export const LONGEST_PASSWORD_BYTES = 72;
const MOST_WAITING = 20;

// A text, because a file of its own would be found at another place in each build.
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const { compareSync } = require(workerData);
parentPort.on('message', ({ password, hash }) => parentPort.postMessage(compareSync(password, hash)));
`;

interface Waiting {
  readonly password: string;
  readonly hash: string;
  readonly done: (answer: boolean | undefined) => void;
}

/** A thread that answers one after another; it starts with the first question at the latest. */
export function passwordCheck(): PasswordCheck {
  const waiting: Waiting[] = [];
  let worker: Worker | undefined;
  const askFirst = () => {
    const first = waiting[0];
    if (first !== undefined) worker?.postMessage({ password: first.password, hash: first.hash });
  };
  const answered = (answer: boolean | undefined) => {
    waiting.shift()?.done(answer);
    askFirst();
  };
  const start = () => {
    const bcrypt = createRequire(import.meta.url).resolve('bcryptjs');
    const started = new Worker(PROGRAM, { eval: true, workerData: bcrypt, env: {}, stdin: false });
    started.unref();
    started.on('message', answered);
    const ended = () => {
      if (worker !== started) return;
      worker = undefined;
      for (const { done } of waiting.splice(0)) done(undefined);
    };
    started.on('error', ended);
    started.on('exit', ended);
    return started;
  };
  return {
    isRight(password, hash) {
      if (waiting.length >= MOST_WAITING) return Promise.resolve(undefined);
      return new Promise((done) => {
        waiting.push({ password, hash, done });
        worker ??= start();
        if (waiting.length === 1) askFirst();
      });
    },
    begin() {
      worker ??= start();
    },
    async close() {
      await worker?.terminate();
    },
  };
}
