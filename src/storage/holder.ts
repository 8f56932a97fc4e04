/** Owns how a process calls itself as holder of a lease, and how another one on its host sees that it is gone. */
import { hostname } from 'node:os';
import { identify, lives } from './processes.js';

const SEPARATOR = ' ';

/** A name for this process that no other process, before or after it, can have. */
export function holderName(): string {
  const self = identify(process.pid);
  return [hostname(), process.pid, self?.startTime ?? '', self?.boot ?? ''].join(SEPARATOR);
}

/**
 * True when the holder was a process of this host that has ended, a crashed predecessor for one: nobody needs to wait
 * for its lease to run out. False for holders elsewhere. A wrong yes costs double work, not a double count.
 */
export function isGone(holder: string): boolean {
  const [host, pid, startTime, boot] = holder.split(SEPARATOR);
  if (host !== hostname() || pid === undefined || startTime === undefined || boot === undefined) return false;
  return !lives({ pid: Number(pid), startTime, boot });
}
