/** Owns the refusal of a database URL, whose text no message may repeat. */

/** The database URL cannot be used. The message never repeats the URL: it holds a password. */
export class DatabaseUrlError extends Error {
  readonly code = 'DATABASE_URL_INVALID';
  constructor(
    /** What is wrong, with the remedy where there is one of its own; begins in lower case and has no end. */
    readonly problem: string,
  ) {
    super(
      `The database URL cannot be used: ${problem}. Expected postgres://user:password@host:5432/database, with the characters @ / ? # % in user and password percent-encoded.`,
    );
    this.name = 'DatabaseUrlError';
  }
}

/** A percent-encoded part of the URL as it is meant. Throws {@link DatabaseUrlError}. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DatabaseUrlError('a % in it does not begin an encoded character');
  }
}
