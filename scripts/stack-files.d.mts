/** Owns the types of stack-files.mjs for the tests. */

/** Every made file of deploy/, by its path from the project's root. */
export function stackFiles(): Readonly<Record<string, string>>;
