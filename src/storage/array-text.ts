/** Owns how a list of values travels in one parameter: as PostgreSQL's array text, cast on the server. */

/**
 * The array as text, to be written `${arrayText(values)}::text::TYPE[]`. The driver would first ask the server for its
 * array types on every connection, and takes a list of booleans for one boolean. Null stays null. Throws RangeError
 * for a NUL byte, which no text in PostgreSQL can hold.
 */
export function arrayText(values: readonly (string | number | bigint | boolean | null)[]): string {
  return `{${values.map(element).join(',')}}`;
}

function element(value: string | number | bigint | boolean | null): string {
  if (value === null) return 'NULL';
  if (typeof value !== 'string') return String(value);
  if (value.includes('\0')) throw new RangeError('A text with a NUL byte cannot be stored in PostgreSQL.');
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}
