/** Owns the texts that an attacker, a broken program or bad luck puts into alerts: markup, torn characters, long words. */
import fc from 'fast-check';
import type { Alert } from '../../src/alerts/alert.js';
import type { ToldGroup } from '../../src/notifications/message-text.js';

const PIECES = [
  '<b>',
  '</b>',
  '<script>alert(1)</script>',
  '<a href="tg://user?id=1">',
  '"><i>',
  '&amp;',
  '&',
  '&#0;',
  '&lt',
  '\ud83d',
  '\ude00',
  '😀',
  '👩‍👩‍👧',
  'é',
  '汉',
  '\n',
  '\n\n\n',
  '\r\n',
  '\t',
  '\u0000',
  '\u202e',
  '\u200b',
  ' ',
  '@all',
  '/start',
  '#tag',
  'a'.repeat(700),
  '😀'.repeat(350),
  '&<>"'.repeat(200),
  'word '.repeat(150),
  '[1/2] #id\n',
];

/** A text of any kind, short or of several thousand characters. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((all) => all.join('')),
  },
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  // Sixteen-bit units of every kind, halves of pairs among them.
  {
    weight: 2,
    arbitrary: fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 })
      .map((codes) => String.fromCharCode(...codes)),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...PIECES), fc.integer({ min: 1, max: 6_000 }))
      .map(([piece, length]) => piece.repeat(Math.ceil(length / piece.length)).slice(0, length)),
  },
);

const address = fc.oneof(
  hostileText,
  fc.constantFrom(
    'https://example.org/runbooks/a?x=1&y="2"<3>',
    'javascript:alert(1)',
    'https://user:secret@example.org/',
    'tg://resolve?domain=x',
    `https://example.org/${'é'.repeat(200)}`,
    `https://example.org/${'a'.repeat(1_000)}`,
  ),
);

const record = (key: fc.Arbitrary<string>) => fc.dictionary(key, hostileText, { maxKeys: 6 });

/** An alert whose every text is hostile. */
export const hostileAlert: fc.Arbitrary<Alert> = fc.record({
  status: fc.constantFrom('firing' as const, 'resolved' as const),
  fingerprint: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 16 }),
  labels: fc
    .tuple(
      record(hostileText.map((text) => text.slice(0, 40))),
      fc.record(
        { alertname: hostileText, severity: fc.constantFrom('critical', 'error', 'warning', 'info', '<b>') },
        { requiredKeys: [] },
      ),
    )
    .map(([own, known]) => ({ ...own, ...known })),
  annotations: fc
    .tuple(
      record(hostileText.map((text) => text.slice(0, 40))),
      fc.record(
        {
          summary: hostileText,
          description: hostileText,
          action: hostileText,
          impact: hostileText,
          value: hostileText,
          runbook_url: address,
          dashboard_url: address,
        },
        { requiredKeys: [] },
      ),
    )
    .map(([own, known]) => ({ ...own, ...known })),
  startsAtMs: fc.oneof(fc.integer({ min: 0, max: 4e12 }), fc.double()),
  endsAtMs: fc.option(fc.integer({ min: 0, max: 4e12 }), { nil: undefined }),
  generatorUrl: address,
});

/** A group of hostile alerts. */
export const hostileGroup: fc.Arbitrary<ToldGroup> = fc.record({
  groupLabels: record(hostileText.map((text) => text.slice(0, 40))),
  externalUrl: address,
  truncatedAlerts: fc.integer({ min: 0, max: 1_000 }),
  alerts: fc.array(hostileAlert, { maxLength: 14 }),
});
