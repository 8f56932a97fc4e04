/** Owns the division of a long message into parts that a channel takes, before anything is escaped. */
import { htmlOf, plainOf, type Span, wholeCut } from './escape.js';

/** What one part may hold. */
export interface PartLimits {
  /** UTF-16 units, in the form without markup, which is the longer one. */
  readonly units: number;
  /** Bytes of the markup. */
  readonly bytes: number;
  /** Pieces that carry a style or an address. */
  readonly entities: number;
}

/**
 * Telegram takes 4,096 units of text, cuts the request off at 35,000 bytes and drops all formatting behind the
 * hundredth piece. The rest of the units is for the numbering of the parts.
 */
export const TELEGRAM_PART: PartLimits = { units: 4_000, bytes: 30_000, entities: 90 };

/**
 * The parts of a message, none empty: their texts one after another are the text of the whole. Cut at line ends where
 * that leaves a part at least half full, else at a space, else between two characters.
 */
export function splitSpans(
  spans: readonly Span[],
  limits: PartLimits = TELEGRAM_PART,
): readonly (readonly Span[])[] {
  const packer = new Packer(limits);
  for (const line of linesOf(spans)) packer.addLine(line);
  return packer.finish();
}

/** Pieces up to and with each line end. */
function linesOf(spans: readonly Span[]): readonly (readonly Span[])[] {
  const lines: Span[][] = [[]];
  for (const span of spans) {
    for (const text of span.text.split(/(?<=\n)/)) {
      if (text === '') continue;
      lines.at(-1)!.push({ ...span, text });
      if (text.endsWith('\n')) lines.push([]);
    }
  }
  return lines.filter((line) => line.length > 0);
}

class Packer {
  readonly #limits: PartLimits;
  readonly #parts: Span[][] = [];
  #part: Span[] = [];
  #used: PartLimits = NOTHING;

  constructor(limits: PartLimits) {
    this.#limits = limits;
  }

  addLine(line: readonly Span[]): void {
    const weight = line.map(weigh).reduce(plus, NOTHING);
    const fitsAlone = isWithin(weight, this.#limits);
    const isHalfFull = this.#used.units * 2 >= this.#limits.units;
    if (!isWithin(plus(this.#used, weight), this.#limits) && fitsAlone && isHalfFull) this.#close();
    for (const span of line) this.#addSpan(span);
  }

  finish(): readonly (readonly Span[])[] {
    if (this.#part.length > 0) this.#close();
    return this.#parts;
  }

  #addSpan(whole: Span): void {
    let rest: Span | undefined = whole;
    // In turns and not by calling itself: a word of 20,000 characters has more parts than the stack has room.
    while (rest !== undefined) rest = this.#take(rest);
  }

  /** Takes the piece or its beginning; gives what is left. */
  #take(span: Span): Span | undefined {
    const weight = weigh(span);
    if (isWithin(plus(this.#used, weight), this.#limits)) {
      this.#part.push(span);
      this.#used = plus(this.#used, weight);
      return undefined;
    }
    // An address is never repeated and never torn: the link goes over as a whole, or loses its address.
    if (span.url !== undefined) {
      if (!isWithin(weight, this.#limits)) return { ...span, url: undefined };
      this.#close();
      return span;
    }
    const at = this.#cut(span);
    if (at > 0) this.#part.push({ ...span, text: span.text.slice(0, at) });
    this.#close();
    return { ...span, text: span.text.slice(at) };
  }

  /** How much of the piece still goes into the part; 0 only when the part holds something already. */
  #cut(span: Span): number {
    const fits = (length: number) =>
      isWithin(plus(this.#used, weigh({ ...span, text: span.text.slice(0, length) })), this.#limits);
    let low = 0;
    for (let high = span.text.length; low < high; ) {
      const middle = Math.ceil((low + high) / 2);
      if (fits(middle)) low = middle;
      else high = middle - 1;
    }
    const whole = wholeCut(span.text, low);
    // A part must take at least one character, or the rest would be tried again for ever.
    if (whole === 0) return this.#part.length === 0 ? wholeCut(span.text, 2) || 1 : 0;
    const space = span.text.lastIndexOf(' ', whole - 1) + 1;
    return space * 2 >= whole ? space : whole;
  }

  #close(): void {
    if (this.#part.length > 0) this.#parts.push(this.#part);
    this.#part = [];
    this.#used = NOTHING;
  }
}

const NOTHING: PartLimits = { units: 0, bytes: 0, entities: 0 };

function weigh(span: Span): PartLimits {
  const isFormatted = span.style !== undefined || span.url !== undefined;
  return {
    units: plainOf([span]).length,
    bytes: utf8Length(htmlOf([span])),
    entities: isFormatted ? Number(span.style !== undefined) + Number(span.url !== undefined) : 0,
  };
}

function plus(a: PartLimits, b: PartLimits): PartLimits {
  return { units: a.units + b.units, bytes: a.bytes + b.bytes, entities: a.entities + b.entities };
}

function isWithin(weight: PartLimits, limits: PartLimits): boolean {
  return weight.units <= limits.units && weight.bytes <= limits.bytes && weight.entities <= limits.entities;
}

/** Counted and not encoded: half a pair counts as one character of three bytes. */
function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) bytes += 1;
    // Both halves of a pair together are four bytes.
    if (code > 0x7ff && (code < 0xd800 || code > 0xdfff)) bytes += 1;
  }
  return bytes;
}
