/** Owns the reading of Telegram's HTML as strictly as the real server does it, and a little more strictly. */

/** What a text in HTML says: the characters that people see, and how many formatted pieces it has. */
export type HtmlReading =
  | { readonly ok: true; readonly text: string; readonly entities: number }
  | { readonly ok: false; readonly description: string };

const TAGS = new Set([
  'b',
  'strong',
  'i',
  'em',
  'u',
  'ins',
  's',
  'strike',
  'del',
  'span',
  'tg-spoiler',
  'tg-emoji',
  'a',
  'code',
  'pre',
  'blockquote',
]);
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"' };
const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/**
 * Reads a text in HTML. The descriptions are worded as the Bot API words them, offsets count bytes. The real server
 * takes an unknown character reference as plain text; here it is refused, because a text that holds one was not escaped.
 */
export function readTelegramHtml(source: string): HtmlReading {
  const open: string[] = [];
  let text = '';
  let entities = 0;
  let at = 0;
  const refuse = (why: string): HtmlReading => ({ ok: false, description: why });
  const offset = () => Buffer.byteLength(source.slice(0, at));

  while (at < source.length) {
    const character = source[at]!;
    if (character === '&') {
      const reference = /^&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(lt|gt|amp|quot));/i.exec(
        source.slice(at, at + 12),
      );
      const decoded = reference === null ? undefined : characterOf(reference);
      if (decoded === undefined) return refuse(`Unknown character reference at byte offset ${offset()}`);
      text += decoded;
      at += reference![0].length;
      continue;
    }
    if (character !== '<') {
      text += character;
      at += 1;
      continue;
    }
    const end = source.indexOf('>', at);
    const isEnd = source[at + 1] === '/';
    if (end < 0) return refuse(`Unclosed ${isEnd ? 'end' : 'start'} tag at byte offset ${offset()}`);
    const inside = source.slice(at + (isEnd ? 2 : 1), end);
    const name = /^[^\s>/]*/.exec(inside)![0].toLowerCase();
    if (isEnd) {
      const expected = open.pop();
      if (expected === undefined) return refuse(`Unexpected end tag at byte offset ${offset()}`);
      if (name !== expected) {
        return refuse(
          `Unmatched end tag at byte offset ${offset()}, expected "</${expected}>", found "</${name}>"`,
        );
      }
      entities += 1;
    } else {
      if (!TAGS.has(name)) return refuse(`Unsupported start tag "${name}" at byte offset ${offset()}`);
      const attributes = attributesOf(inside.slice(name.length));
      if (attributes === undefined) {
        return refuse(
          `Expected equal sign in declaration of an attribute of the tag "${name}" at byte offset ${offset()}`,
        );
      }
      if (name === 'span' && attributes.get('class') !== 'tg-spoiler') {
        return refuse(`Tag "span" must have class "tg-spoiler" at byte offset ${offset()}`);
      }
      open.push(name);
    }
    at = end + 1;
  }
  if (open.length > 0) return refuse(`Can't find end tag corresponding to start tag "${open.at(-1)}"`);
  if (LONE_SURROGATE.test(text)) {
    return refuse('Text contains invalid Unicode characters after decoding HTML entities');
  }
  return { ok: true, text, entities };
}

/** What the server makes of a text before it looks at its length: control characters, ends of the text. */
export function cleanTelegramText(text: string): string {
  const spaced = [...text].map((one) => (one < ' ' && one !== '\n' && one !== '\r' ? ' ' : one)).join('');
  return spaced.replaceAll('\r', '').trim();
}

/** True for text that cannot be UTF-8. */
export function isTornText(text: string): boolean {
  return LONE_SURROGATE.test(text);
}

function characterOf(reference: RegExpExecArray): string | undefined {
  const [, decimal, hexadecimal, name] = reference;
  if (name !== undefined) return NAMED[name];
  const code = decimal === undefined ? Number.parseInt(hexadecimal!, 16) : Number.parseInt(decimal, 10);
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}

/** Undefined when a part of the tag is no attribute. */
function attributesOf(text: string): ReadonlyMap<string, string> | undefined {
  const found = new Map<string, string>();
  let rest = text.trim();
  while (rest !== '') {
    const one = /^([a-z-]+)\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)'|([a-z0-9.-]+))\s*/i.exec(rest);
    const flag = /^(expandable)(?:\s+|$)/.exec(rest);
    if (one === null && flag === null) return undefined;
    if (one !== null) found.set(one[1]!.toLowerCase(), one[2] ?? one[3] ?? one[4] ?? '');
    rest = rest.slice((one ?? flag)![0].length);
  }
  return found;
}
