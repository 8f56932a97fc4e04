/** Owns what a process has used so far: processor time and memory, as the kernel tells them. */
import { readFileSync } from 'node:fs';

/** One tick of `/proc/PID/stat`, as on every Linux that Node supports. */
const TICK_MS = 10;

/** User and system time of a process and its threads, milliseconds, in steps of ten. */
export function cpuMsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, second of the fields, may hold blanks and brackets itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Resident memory in MiB: now, or the highest it ever was. */
export function residentMibOf(pid: number, when: 'now' | 'highest'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const name = when === 'now' ? 'VmRSS' : 'VmHWM';
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}
