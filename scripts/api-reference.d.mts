/** Owns the type of the generator for the test that holds docs/api.md against it. */

/** The text of docs/api.md. */
export function apiReference(): string;
