/** Owns the label values of HTTP series: closed sets, whatever a client or a server sends. */

/** Stands for every value that is not in a closed set. */
export const OTHER_VALUE = 'other';

const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'CONNECT',
  'TRACE',
]);

const CODES: readonly string[] = Array.from({ length: 600 }, (_, code) =>
  code >= 100 ? String(code) : OTHER_VALUE,
);

/** The method as a label. Anybody can send any word as a method. */
export function methodLabel(method: string | undefined): string {
  return method !== undefined && METHODS.has(method) ? method : OTHER_VALUE;
}

/** The status as a label: 100 to 599, else `other`. */
export function statusLabel(code: number): string {
  return CODES[code] ?? OTHER_VALUE;
}
