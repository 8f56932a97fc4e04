/** Owns that one directory has one owner: claims on disk that a crash cannot leave in force. */
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedDirectoryInUseError } from './embedded-errors.js';
import { identify, lives, type ProcessIdentity } from './processes.js';

const PREFIX = 'owner.';
const ATTEMPTS = 5;

/** Ownership of a directory until {@link DirectoryClaim.release} or the end of the process. */
export interface DirectoryClaim {
  release(): void;
}

/**
 * Claims the directory for this process, or throws {@link EmbeddedDirectoryInUseError} with the owner's id.
 *
 * Each claimant first publishes a claim under a name of its own and then looks for others: of two at the same moment
 * at least one sees the other and steps back. Names are never used twice, so removing a dead owner's claim cannot
 * hit a living one's, which a single lock file cannot promise.
 */
export async function claimDirectory(directory: string, random: () => number): Promise<DirectoryClaim> {
  for (let attempt = 1; ; attempt += 1) {
    const file = publish(directory, random);
    const rival = livingRival(directory, file);
    if (rival === undefined) return { release: () => rmSync(join(directory, file), { force: true }) };
    rmSync(join(directory, file), { force: true });
    if (attempt === ATTEMPTS) throw new EmbeddedDirectoryInUseError(directory, rival.pid);
    // Two that stepped back together must not meet again.
    await new Promise((resolve) => setTimeout(resolve, 20 + random() * 100));
  }
}

function publish(directory: string, random: () => number): string {
  const self = identify(process.pid) ?? { pid: process.pid, startTime: '', boot: '' };
  const name = `${PREFIX}${process.pid}-${Math.floor(random() * 2 ** 48).toString(36)}`;
  const draft = join(directory, `draft-${name}`);
  writeFileSync(draft, JSON.stringify(self), { mode: 0o600, flag: 'wx' });
  // A claim appears whole or not at all: nobody may read half of one and take it for a dead owner's.
  linkSync(draft, join(directory, name));
  rmSync(draft, { force: true });
  return name;
}

function livingRival(directory: string, own: string): ProcessIdentity | undefined {
  for (const name of readdirSync(directory)) {
    if (name === own || !name.startsWith(PREFIX)) continue;
    const owner = readClaim(join(directory, name));
    if (owner && lives(owner)) return owner;
    rmSync(join(directory, name), { force: true });
  }
  return undefined;
}

function readClaim(file: string): ProcessIdentity | undefined {
  try {
    const claim = JSON.parse(readFileSync(file, 'utf8')) as Partial<ProcessIdentity>;
    const { pid, startTime, boot } = claim;
    return typeof pid === 'number' && typeof startTime === 'string' && typeof boot === 'string'
      ? { pid, startTime, boot }
      : undefined;
  } catch {
    return undefined;
  }
}
