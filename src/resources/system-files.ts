/** Owns reading the files of the system below one root, so that a folder can stand in for a whole machine. */
import { readdirSync, readFileSync } from 'node:fs';

/** Texts and folders of the system by absolute path. Both throw when the path is not there. */
export interface SystemFiles {
  readonly read: (path: string) => string;
  readonly list: (path: string) => readonly string[];
}

/**
 * The files below `root`; the real ones by default. Read without leaving the thread: what the kernel makes up under
 * /proc and in control groups waits for no disk, and the way through the thread pool costs more than the reading.
 */
export function systemFiles(root = ''): SystemFiles {
  return {
    read: (path) => readFileSync(root + path, 'utf8'),
    list: (path) => readdirSync(root + path),
  };
}
