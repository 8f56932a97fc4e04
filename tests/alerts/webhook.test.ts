/** Proves that Alertmanager's words are read exactly, and that nothing else gets past the door or breaks it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readWebhook } from '../../src/alerts/webhook.js';
import { notification } from '../notifications/relay.js';

const body = (over: object, alert: object = {}) => {
  const good = JSON.parse(notification([{}]));
  return JSON.stringify({ ...good, alerts: [{ ...good.alerts[0], ...alert }], ...over });
};
const fault = (text: string) => {
  const read = readWebhook(text);
  return read.ok ? expect.fail('it should have been refused') : read.fault;
};

describe('a notification', () => {
  it('is read with moments to the millisecond, and no end while it fires', () => {
    const read = readWebhook(notification([{ fingerprint: 'abc' }]));
    expect(read).toMatchObject({
      ok: true,
      batch: {
        groupKey: '{}:{alertname="FlowStalled"}',
        receiver: 'critical',
        alerts: [{ fingerprint: 'abc', startsAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 123), endsAtMs: undefined }],
      },
    });
  });

  it('of a group with a very long key is known by its beginning and its hash, and fits an index of PostgreSQL', () => {
    const keyOf = (groupKey: string) => {
      const read = readWebhook(body({ groupKey }));
      return read.ok ? read.batch.groupKey : expect.fail('it should have been read');
    };
    const long = '😀'.repeat(5_000);
    expect(Buffer.byteLength(keyOf(long))).toBeLessThan(2_600);
    expect(keyOf(long)).toBe(keyOf(long));
    expect(keyOf(long)).not.toBe(keyOf(`${long}x`));
    expect(keyOf('x'.repeat(500))).toBe('x'.repeat(500));
  });

  it('with a zone other than UTC, and without the optional fields, is read too', () => {
    const read = readWebhook(
      body(
        { truncatedAlerts: undefined, groupLabels: undefined, externalURL: undefined },
        { startsAt: '2026-01-02T05:04:05+02:00' },
      ),
    );
    expect(read).toMatchObject({
      ok: true,
      batch: { truncatedAlerts: 0, alerts: [{ startsAtMs: Date.UTC(2026, 0, 2, 3, 4, 5) }] },
    });
  });

  it('keeps __proto__ and constructor as the names of labels that they are', () => {
    const text = body({}).replace('"flow":', '"__proto__":"x","flow":');
    const read = readWebhook(text);
    if (!read.ok) throw new Error(read.fault.field);
    const { labels } = read.batch.alerts[0]!;
    expect(Object.keys(labels)).toContain('__proto__');
    expect(labels.constructor).toBeUndefined();
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  it('loses NUL bytes and halves of characters, which the store cannot hold', () => {
    const read = readWebhook(body({}, { annotations: { summary: 'a\u0000b\ud800c' } }));
    expect(read).toMatchObject({
      ok: true,
      batch: { alerts: [{ annotations: { summary: 'a\uFFFDb\uFFFDc' } }] },
    });
  });
});

describe('what is refused, with field and remedy', () => {
  it.each([
    ['no JSON', '{"version":', '(body)'],
    ['a list', '[]', '(body)'],
    ['another version', body({ version: '3' }), 'version'],
    ['no alerts', body({ alerts: undefined }), 'alerts'],
    ['1,001 alerts', body({ alerts: Array.from({ length: 1_001 }, () => ({})) }), 'alerts'],
    ['no key of the group', body({ groupKey: '' }), 'groupKey'],
    ['a status of its own', body({}, { status: 'pending' }), 'alerts[0].status'],
    ['no fingerprint', body({}, { fingerprint: undefined }), 'alerts[0].fingerprint'],
    ['a label that is no text', body({}, { labels: { alertname: 7 } }), 'alerts[0].labels.alertname'],
    ['a moment in words', body({}, { startsAt: 'yesterday' }), 'alerts[0].startsAt'],
    ['a moment that is none', body({}, { startsAt: '2026-13-41T00:00:00Z' }), 'alerts[0].startsAt'],
    ['less than no alert left out', body({ truncatedAlerts: -1 }), 'truncatedAlerts'],
  ])('%s', (_what, text, field) => {
    expect(fault(text)).toMatchObject({ field });
    expect(fault(text).remedy).toMatch(/\S/);
  });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.json().map((value) => `{"version":"4","alerts":[${value}]}`),
        ),
        (text) => {
          expect(typeof readWebhook(text).ok).toBe('boolean');
        },
      ),
      { numRuns: 2_000, seed: 7 },
    );
  });
});
