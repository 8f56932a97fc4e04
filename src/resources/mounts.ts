/** Owns which mount points exist, and on which of them a folder lies. */
import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';

/** The mount points in a text as /proc/self/mountinfo prints it. */
export function mountPoints(mountinfo: string): ReadonlySet<string> {
  const points = mountinfo.split('\n').flatMap((line) => line.split(' ')[4] ?? []);
  // Blanks, tabs, line ends and backslashes of a path are printed as octal numbers.
  return new Set(
    points.map((p) => p.replace(/\\([0-7]{3})/g, (_, o) => String.fromCharCode(parseInt(o, 8)))),
  );
}

/** The mount point that an absolute path lies on; `/` when none is nearer. */
export function mountPointOf(path: string, points: ReadonlySet<string>): string {
  for (let at = path; at !== '/'; at = dirname(at)) if (points.has(at)) return at;
  return '/';
}

/** The path without symbolic links; of one that does not exist yet, the nearest folder that does. */
export function existingPath(path: string): string {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    try {
      return realpathSync(at);
    } catch {
      // Not there yet: its parent says on which file system it will be.
    }
  }
  return '/';
}
