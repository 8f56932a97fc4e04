/** Owns the replies of Redis as bytes: what of RESP version 2 a probe can meet, read from as much as has arrived. */

/** A reply. `error` holds the first word only, such as `WRONGPASS`: the rest is text of the service. */
export type RespReply =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'error'; readonly word: string }
  | { readonly kind: 'number'; readonly value: number };

/** A reply and where the next one begins; `more` when it has not arrived yet, `broken` when it is none of Redis'. */
export type RespStep =
  | { readonly kind: 'reply'; readonly reply: RespReply; readonly end: number }
  | { readonly kind: 'more' }
  | { readonly kind: 'broken' };

/** Longest reply that is taken, in bytes; INFO has a few thousand. */
export const MAX_REPLY_BYTES = 262_144;
const MAX_LINE_BYTES = 4_096;

/** Reads the reply that begins at `start`. */
export function readReply(bytes: Buffer, start: number): RespStep {
  const lineEnd = bytes.indexOf('\r\n', start, 'latin1');
  if (lineEnd < 0) return bytes.length - start > MAX_LINE_BYTES ? { kind: 'broken' } : { kind: 'more' };
  const line = bytes.toString('utf8', start + 1, lineEnd);
  const end = lineEnd + 2;
  switch (bytes[start]) {
    case 0x2b: // +
      return { kind: 'reply', reply: { kind: 'text', text: line }, end };
    case 0x2d: // -
      return { kind: 'reply', reply: { kind: 'error', word: firstWord(line) }, end };
    case 0x3a: // :
      return /^-?\d{1,18}$/.test(line)
        ? { kind: 'reply', reply: { kind: 'number', value: Number(line) }, end }
        : { kind: 'broken' };
    case 0x24: // $
      return bulk(bytes, line, end);
    default:
      return { kind: 'broken' };
  }
}

/** A command as Redis reads it: the lengths in front keep a blank or line end in a password from becoming syntax. */
export function encodeCommand(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

/** The fields `name:value` of INFO. */
export function infoFields(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\r\n').map((line) => line.split(':') as [string, string?]);
  return new Map(lines.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
}

function bulk(bytes: Buffer, line: string, begin: number): RespStep {
  if (!/^\d{1,9}$/.test(line) || Number(line) > MAX_REPLY_BYTES) return { kind: 'broken' };
  const end = begin + Number(line);
  if (bytes.length < end + 2) return { kind: 'more' };
  return { kind: 'reply', reply: { kind: 'text', text: bytes.toString('utf8', begin, end) }, end: end + 2 };
}

function firstWord(line: string): string {
  // The only plain ERR that a probe must tell from its own mistakes.
  if (line.startsWith('ERR max number of clients')) return 'MAXCLIENTS';
  return /^[A-Z]{1,30}/.exec(line)?.[0] ?? 'UNKNOWN';
}
