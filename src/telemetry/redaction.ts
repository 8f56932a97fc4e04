/** Owns the removal of secrets from text: every present secret value, in every spelling that a URL or header gives it. */

/** What stands where a secret was. */
export const REDACTED = '<secret>';

/** Shorter secrets would blacken half of every text, so they go only where they stand alone or in a URL's `:…@`. */
const MIN_PART_LENGTH = 4;

/** Removes secrets. Knows only the values given to it; values that are no longer secret stay removed. */
export interface Redactor {
  /** Adds a secret from now on, for instance after a rotation. The empty string is ignored. */
  add(secret: string): void;
  /** The text without any known secret. */
  redact(text: string): string;
  /** One line of JSON without any known secret, still valid JSON: strings, keys and numbers are looked into. */
  redactJson(line: string): string;
}

/** A redactor for these secrets. A secret that is a URL also protects the password inside it. */
export function createRedactor(secrets: readonly string[]): Redactor {
  const masks = new Map<string, string>();
  const whole = new Set<string>();
  // The longest first: removing a part of a longer secret would leave the rest of it in the text.
  let ordered: readonly (readonly [spelling: string, mask: string])[] = [];
  let signs: readonly string[] = [];

  function add(secret: string): void {
    for (const value of valuesOf(secret)) {
      if (value.length < MIN_PART_LENGTH) {
        whole.add(value);
        masks.set(`:${value}@`, `:${REDACTED}@`);
      } else {
        for (const spelling of spellingsOf(value)) masks.set(spelling, REDACTED);
      }
    }
    ordered = [...masks].sort(([a], [b]) => b.length - a.length);
    signs = [...masks.keys(), ...whole].map(jsonInner);
  }

  function redact(text: string): string {
    if (whole.has(text)) return REDACTED;
    let clean = text;
    for (const [spelling, mask] of ordered) {
      if (clean.includes(spelling)) clean = clean.replaceAll(spelling, mask);
    }
    return clean;
  }

  function redactValue(value: unknown): unknown {
    if (typeof value === 'string') return redact(value);
    if (typeof value === 'number') {
      const clean = redact(String(value));
      return clean === String(value) ? value : clean;
    }
    if (Array.isArray(value)) return value.map(redactValue);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [redact(key), redactValue(item)]));
  }

  function redactRecord(line: string): string {
    const entries = Object.entries(JSON.parse(line)).map(([key, item]) => {
      if (OWN_VALUES.has(key)) return [key, item];
      return [OWN_KEYS.has(key) ? key : redact(key), redactValue(item)];
    });
    return JSON.stringify(Object.fromEntries(entries));
  }

  for (const secret of secrets) add(secret);
  return {
    add,
    redact,
    redactJson(line) {
      if (!signs.some((sign) => line.includes(sign))) return line;
      const end = line.endsWith('\n') ? '\n' : '';
      try {
        return redactRecord(line) + end;
      } catch {
        // Not a JSON object, or nested too deep to walk: losing its shape is better than losing the secret.
        return JSON.stringify({ msg: redact(line.trimEnd()) }) + end;
      }
    },
  };
}

/** Keys the logger itself writes: a secret that happens to be the word `level` must not break the shape of the line. */
const OWN_KEYS = new Set(['msg', 'err']);
/** Values that cannot come from outside: a password `info` must not hide the level. */
const OWN_VALUES = new Set(['level', 'time', 'logger', 'suppressed']);

function valuesOf(secret: string): readonly string[] {
  if (secret === '') return [];
  const password = URL.canParse(secret) ? new URL(secret).password : '';
  return password === '' ? [secret] : [secret, password, decoded(password)];
}

function spellingsOf(value: string): ReadonlySet<string> {
  const url = new URL('http://user@host/');
  url.password = value;
  const encoded = [
    wellFormed(value, encodeURIComponent),
    wellFormed(value, encodeURI),
    url.password,
    new URLSearchParams({ v: value }).toString().slice(2),
  ];
  const plain = [value, Buffer.from(value).toString('base64'), Buffer.from(value).toString('base64url')];
  const spellings = new Set([...plain, ...encoded, ...encoded.map(lowerEscapes), decoded(value)]);
  return new Set([...spellings].filter((spelling) => spelling.length >= MIN_PART_LENGTH));
}

/** `%2F` as `%2f`: both spellings are in use. */
function lowerEscapes(text: string): string {
  return text.replace(/%[0-9A-F]{2}/g, (triplet) => triplet.toLowerCase());
}

function decoded(text: string): string {
  return wellFormed(text, decodeURIComponent);
}

/** The codecs throw on half a surrogate pair or a lone `%`; such a value has no such spelling. */
function wellFormed(text: string, codec: (text: string) => string): string {
  try {
    return codec(text);
  } catch {
    return text;
  }
}

function jsonInner(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
