/** Owns the way from what is to be said to parts that a chat takes: numbered, marked with the event's id, in both forms. */
import { cleanText, htmlOf, plainOf, type Span } from './escape.js';
import { batchSpans, isSilent, type MessageOptions, type ToldGroup } from './message-text.js';
import { type PartLimits, splitSpans, TELEGRAM_PART } from './split.js';

/** A part of a message, ready for a channel. */
export interface MessagePart {
  /** From 1. */
  readonly index: number;
  readonly count: number;
  /** In Telegram's HTML. */
  readonly text: string;
  /** Without markup. */
  readonly plain: string;
}

/** A message as parts. */
export interface RenderedMessage {
  readonly parts: readonly MessagePart[];
  readonly silent: boolean;
}

/**
 * The message about a group of alerts. The same batch and id give the same text, whenever it is rendered: nothing in
 * it counts from now, so an edit without news is none.
 */
export function renderBatch(batch: ToldGroup, eventId: string, options?: MessageOptions): RenderedMessage {
  return { parts: renderParts(batchSpans(batch, eventId, options), eventId), silent: isSilent(batch) };
}

/** A message of our own words, such as a test or the news that the Watchdog stopped. */
export function renderNotice(
  title: string,
  body: string,
  eventId: string,
  options: { readonly silent?: boolean } = {},
): RenderedMessage {
  const spans: readonly Span[] = [
    { text: cleanText(title), style: 'bold' },
    { text: ' · ' },
    { text: `#${eventId}`, style: 'code' },
    { text: `\n${cleanText(body)}` },
  ];
  return { parts: renderParts(spans, eventId), silent: options.silent ?? false };
}

/** Pieces as numbered parts: `[2/3] #id` stands above each part of a message that needs more than one. */
export function renderParts(
  spans: readonly Span[],
  eventId: string,
  limits: PartLimits = TELEGRAM_PART,
): readonly MessagePart[] {
  const parts = splitSpans(spans, limits);
  return parts.map((own, place) => {
    const mark: readonly Span[] =
      parts.length === 1 ? [] : [{ text: partMark(place + 1, parts.length, eventId), style: 'bold' }];
    const all = [...mark, ...own];
    return { index: place + 1, count: parts.length, text: htmlOf(all), plain: plainOf(all) };
  });
}

/** The line above a part. At most 96 units for ids of up to 64. */
export function partMark(index: number, count: number, eventId: string): string {
  return `[${index}/${count}] #${eventId}\n`;
}
