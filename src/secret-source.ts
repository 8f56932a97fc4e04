/** Owns a secret that lives in a file and may be replaced while we run: the newest good text of the file. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { Secret } from './config/secret.js';
import { readSecretFile } from './config/secret-file.js';
import type { RootLogger } from './telemetry/logger.js';

/** Reads the file each time; while it cannot be read, the last good text holds. Throws only before the first good one. */
export function secretSource(file: string, log: RootLogger): () => Secret {
  let latest: Secret | undefined;
  return () => {
    const read = readSecretFile(file);
    if (!read.ok) {
      if (latest === undefined) throw new SecretFileError(`The file ${read.what}. ${read.remedy}.`);
      log
        .named('secrets')
        .warn('a secret file cannot be read; its last text stays in use', { what: read.what });
      return latest;
    }
    if (latest?.reveal() !== read.value) {
      log.protect(read.value);
      latest = new Secret(read.value);
    }
    return latest!;
  };
}

/** A secret is needed, and its file never could be read. The message names the file and the remedy. */
export class SecretFileError extends Error {
  override readonly name = 'SecretFileError';
  readonly code = 'SECRET_UNREADABLE';
}

/** Whether a header `Authorization` carries this bearer token; takes the same time for every wrong one. */
export function isBearer(authorization: string | undefined, token: Secret): boolean {
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token.reveal()));
}
