/** Owns the proof that no alert, whatever stands in it, makes a message that Telegram refuses or that loses a character. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanText, plainOf, type Span, safeUrl } from '../../src/notifications/escape.js';
import {
  type MessagePart,
  partMark,
  renderBatch,
  renderNotice,
  renderParts,
} from '../../src/notifications/message.js';
import { renderDigest } from '../../src/notifications/message-digest.js';
import { batchSpans } from '../../src/notifications/message-text.js';
import { isTornText, readTelegramHtml } from '../harness/telegram-html.js';
import { hostileGroup, hostileText } from './hostile-texts.js';

/** Texts of each kind at least; `npm run chaos` has the long form. */
const TEXTS = process.env.FLOWGAUGE_CHAOS === 'long' ? 100_000 : 1_000;
const MINUTES = 60_000;
const ID = 'k7m2p9xq';

/** Fewer runs where one run takes many texts. */
function options(textsPerRun: number): { numRuns: number; seed: number; endOnFailure: boolean } {
  return { numRuns: Math.ceil(TEXTS / textsPerRun), seed: 20_261_121, endOnFailure: true };
}

/** Checks every part by itself, and that together they say all of it. */
function expectSound(parts: readonly MessagePart[], whole: string): void {
  let seen = '';
  for (const [place, part] of parts.entries()) {
    const reading = readTelegramHtml(part.text);
    if (!reading.ok) throw new Error(`${reading.description}: ${part.text}`);
    if (reading.text.length > 4_096) throw new Error(`${reading.text.length} units`);
    if (part.plain.length > 4_096) throw new Error(`${part.plain.length} units without markup`);
    if (Buffer.byteLength(part.text) > 35_000) throw new Error(`${Buffer.byteLength(part.text)} bytes`);
    if (reading.entities > 100) throw new Error(`${reading.entities} pieces`);
    if (reading.text.trim() === '' || part.plain.trim() === '') throw new Error('an empty part');
    if (isTornText(part.text) || isTornText(part.plain)) throw new Error('half a character');
    const mark = parts.length > 1 ? partMark(place + 1, parts.length, ID) : '';
    if (!reading.text.startsWith(mark)) throw new Error(`no mark ${mark}`);
    if (!part.plain.includes(ID)) throw new Error('no event id');
    seen += reading.text.slice(mark.length);
  }
  if (seen !== whole) throw new Error(`the parts say ${JSON.stringify(seen)}, not ${JSON.stringify(whole)}`);
}

const textOf = (spans: readonly Span[]) => spans.map(({ text }) => text).join('');

describe('hostile texts', () => {
  it('never make a notice that Telegram refuses', { timeout: 20 * MINUTES }, () => {
    fc.assert(
      fc.property(hostileText, hostileText, (title, body) => {
        expectSound(renderNotice(title, body, ID).parts, `${cleanText(title)} · #${ID}\n${cleanText(body)}`);
      }),
      options(1),
    );
  });

  it('never make a message about a group that Telegram refuses', { timeout: 60 * MINUTES }, () => {
    let texts = 0;
    fc.assert(
      fc.property(hostileGroup, (group) => {
        const { parts } = renderBatch(group, ID);
        expectSound(parts, textOf(batchSpans(group, ID)));
        texts += parts.length;
      }),
      options(2),
    );
    expect(texts).toBeGreaterThanOrEqual(TEXTS);
  });

  it('never make a digest that Telegram refuses, or that leaves an id out', { timeout: 20 * MINUTES }, () => {
    const entry = fc.record({
      eventId: fc.stringMatching(/^[a-z2-7]{8}$/),
      title: hostileText,
      severity: fc.constantFrom('critical' as const, 'error' as const, 'warning' as const, 'info' as const),
      firing: fc.nat(500),
      resolved: fc.nat(500),
      sinceMs: fc.integer({ min: 0, max: 4e12 }),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), (entries) => {
        const digest = renderDigest(entries, ID);
        const said = digest.parts.map((part) => part.plain).join('');
        for (const { eventId } of entries)
          if (!said.includes(`#${eventId}`)) throw new Error(`lost ${eventId}`);
        for (const part of digest.parts) if (!readTelegramHtml(part.text).ok) throw new Error(part.text);
      }),
      options(20),
    );
  });

  it('are divided without a loss at any limit', { timeout: 20 * MINUTES }, () => {
    const span = fc.record({
      text: hostileText.map(cleanText),
      style: fc.constantFrom(undefined, 'bold' as const, 'code' as const),
      url: fc.constantFrom(undefined, undefined, safeUrl('https://example.org/a')),
    });
    const limits = fc.record({
      units: fc.integer({ min: 2, max: 4_000 }),
      bytes: fc.integer({ min: 60, max: 30_000 }),
      entities: fc.integer({ min: 2, max: 90 }),
    });
    fc.assert(
      fc.property(fc.array(span, { maxLength: 8 }), limits, (spans, limit) => {
        const parts = renderParts(spans, ID, limit);
        const seen = parts.map((part, place) => {
          const reading = readTelegramHtml(part.text);
          if (!reading.ok) throw new Error(reading.description);
          const mark = parts.length > 1 ? partMark(place + 1, parts.length, ID) : '';
          const own = part.plain.slice(mark.length);
          const ownBytes =
            Buffer.byteLength(part.text) - (mark === '' ? 0 : Buffer.byteLength(`<b>${mark}</b>`));
          if (ownBytes > limit.bytes) throw new Error(`${ownBytes} of ${limit.bytes} bytes`);
          if (own.length > limit.units) throw new Error(`${own.length} of ${limit.units} units`);
          return reading.text.slice(mark.length);
        });
        expect(seen.join('')).toBe(textOf(spans));
      }),
      options(20),
    );
  });

  it('show links as addresses where there is no markup', () => {
    expect(plainOf([{ text: 'Runbook', url: 'https://a.b/' }, { text: '.' }])).toBe(
      'Runbook (https://a.b/).',
    );
  });
});
