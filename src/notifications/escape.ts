/** Owns what happens to foreign text before people read it: made whole, made harmless, and written in Telegram's HTML. */

/** A piece of a message in one style. */
export interface Span {
  /** What people see; clean, see `cleanText`. */
  readonly text: string;
  readonly style?: 'bold' | 'italic' | 'code' | undefined;
  /** Makes the piece a link; an address that `safeUrl` let through. */
  readonly url?: string | undefined;
}

const LONE_SURROGATES = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a chat
const CONTROLS = /[\u0000-\u0009\u000B-\u001F\u007F-\u009F]/g;
/** They turn the reading direction around, so that a text can show something else than it says. */
const DIRECTIONS = /[\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;
const MENTION = /(?<![\p{L}\p{N}_.+-])@(?=[\p{L}\p{N}_])/gu;
const LONGEST_URL = 1_024;

/**
 * Foreign text as it may stand in a message: halves of characters become U+FFFD (Telegram refuses the whole message),
 * control characters become spaces, changes of direction vanish, line ends are `\n`. An `@name` gets an invisible
 * character behind the sign: the text of an item must not ring at people.
 */
export function cleanText(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(LONE_SURROGATES, '\uFFFD')
    .replace(CONTROLS, ' ')
    .replace(DIRECTIONS, '')
    .replace(MENTION, '@\u2060');
}

/** The beginning of a clean text, at most `units` UTF-16 units with the `…` that stands for the rest; never half a character. */
export function shorten(text: string, units: number): string {
  if (text.length <= units) return text;
  return `${text.slice(0, wholeCut(text, Math.max(0, units - 1)))}…`;
}

/** The last place up to `at` where a text can be cut without tearing a character made of two units. */
export function wholeCut(text: string, at: number): number {
  const isInside = /[\uD800-\uDBFF]/.test(text[at - 1] ?? '') && /[\uDC00-\uDFFF]/.test(text[at] ?? '');
  return isInside ? at - 1 : at;
}

/** The address for a link, or undefined: only http and https, without a user name, at most 1,024 characters. */
export function safeUrl(address: string | undefined): string | undefined {
  if (address === undefined || address.length > LONGEST_URL || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  const isPlain = url.username === '' && url.password === '';
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:';
  return isWeb && isPlain && url.href.length <= LONGEST_URL ? url.href : undefined;
}

/** Text for Telegram's HTML, in attributes too. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Pieces in Telegram's HTML: always balanced, because a tag is opened and closed around one piece. */
export function htmlOf(spans: readonly Span[]): string {
  return spans.map(htmlOfSpan).join('');
}

/** The same pieces for a reader without markup: an address stands behind its link. */
export function plainOf(spans: readonly Span[]): string {
  return spans.map(({ text, url }) => (url === undefined ? text : `${text} (${url})`)).join('');
}

const TAG = { bold: 'b', italic: 'i', code: 'code' } as const;

function htmlOfSpan({ text, style, url }: Span): string {
  const escaped = escapeHtml(text);
  // Telegram shows nothing for an empty piece and refuses a message that holds nothing else.
  if (text === '') return '';
  const styled = style === undefined ? escaped : `<${TAG[style]}>${escaped}</${TAG[style]}>`;
  return url === undefined ? styled : `<a href="${escapeHtml(url)}">${styled}</a>`;
}
