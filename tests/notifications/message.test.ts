/** Owns what people read in the chat: the whole text of messages, digests and updates, letter by letter. */
import { describe, expect, it } from 'vitest';
import type { Alert } from '../../src/alerts/alert.js';
import { cleanText, htmlOf, safeUrl, shorten } from '../../src/notifications/escape.js';
import { renderBatch, renderNotice } from '../../src/notifications/message.js';
import { type DigestEntry, renderDigest } from '../../src/notifications/message-digest.js';
import { batchTitle, durationText, type ToldGroup } from '../../src/notifications/message-text.js';
import { renderBell } from '../../src/notifications/message-update.js';
import { readTelegramHtml } from '../harness/telegram-html.js';

const START = Date.UTC(2026, 10, 21, 15, 4, 5);

function alert(own: Partial<Alert> & { readonly severity?: string } = {}): Alert {
  const { severity = 'critical', ...rest } = own;
  return {
    status: 'firing',
    fingerprint: 'f1',
    labels: { alertname: 'ItemsStuck', severity, flow: 'tokens', status: 'active' },
    annotations: {
      summary: '12 tokens stay in active for over 30 min',
      description: 'The limit of active is 30 min & nothing moves.',
      value: '12 items',
      action: 'Look at the worker of <active>.',
      runbook_url: 'https://example.org/runbooks/ItemsStuck?a=1&b=2',
      dashboard_url: 'https://example.org/d/flow',
    },
    startsAtMs: START,
    endsAtMs: undefined,
    generatorUrl: 'http://prometheus:9090/graph?g0.expr=x',
    ...rest,
  };
}

function group(alerts: readonly Alert[], own: Partial<ToldGroup> = {}): ToldGroup {
  return {
    groupLabels: { alertname: 'ItemsStuck', flow: 'tokens' },
    externalUrl: 'http://alertmanager:9093',
    truncatedAlerts: 0,
    alerts,
    ...own,
  };
}

const only = (message: { readonly parts: readonly { readonly text: string }[] }) => {
  expect(message.parts).toHaveLength(1);
  return message.parts[0]!.text;
};

describe('a message about a group', () => {
  it('says what, since when, how much and what to do, with its links', () => {
    const resolved = alert({
      status: 'resolved',
      fingerprint: 'f2',
      severity: 'warning',
      endsAtMs: START + 3_720_000,
      annotations: { summary: 'It was slow' },
      generatorUrl: '',
    });
    const message = renderBatch(group([resolved, alert()], { truncatedAlerts: 3 }), 'K7M2P9X');
    expect(only(message)).toBe(`<b>🔴 critical: ItemsStuck</b> · 1 firing, 1 resolved · <code>#K7M2P9X</code>
<code>flow=tokens</code>

🔴 <b>12 tokens stay in active for over 30 min</b>
The limit of active is 30 min &amp; nothing moves.
<i>Value: </i>12 items
<i>What to do: </i>Look at the worker of &lt;active&gt;.
Since 2026-11-21 15:04:05 UTC
<code>status=active</code>
<a href="https://example.org/runbooks/ItemsStuck?a=1&amp;b=2">Runbook</a> · <a href="https://example.org/d/flow">Dashboard</a> · <a href="http://prometheus:9090/graph?g0.expr=x">Query</a>

🟢 <b>It was slow</b>
From 2026-11-21 15:04:05 UTC for 1 h 2 min
<code>status=active</code>

… and 3 more

<a href="http://alertmanager:9093/#/silences/new?filter=%7Balertname%3D%22ItemsStuck%22%2Cflow%3D%22tokens%22%7D">Silence this group</a>
`);
    expect(message.silent).toBe(false);
    expect(message.parts[0]!.plain).toContain('Dashboard (https://example.org/d/flow)');
    expect(message.parts[0]!.plain).not.toContain('<b>');
  });

  it('that is over says so, without a sound and without a link to silence it', () => {
    const message = renderBatch(group([alert({ status: 'resolved', endsAtMs: START + 61_000 })]), 'K7M2P9X');
    expect(only(message)).toMatch(/^<b>🟢 resolved: ItemsStuck<\/b> · 1 resolved · /);
    expect(only(message)).not.toContain('Silence');
    expect(message.silent).toBe(true);
  });

  it.each([
    ['critical', false],
    ['warning', false],
    ['unheard-of', false],
    ['info', true],
  ])('of severity %s arrives without a sound: %s', (severity, silent) => {
    expect(renderBatch(group([alert({ severity })]), 'K7M2P9X').silent).toBe(silent);
  });

  it('tells what fires before what is over, then the urgent, then what lasts longest', () => {
    const told = [
      alert({ annotations: { summary: 'over' }, status: 'resolved', endsAtMs: START }),
      alert({ annotations: { summary: 'late' }, severity: 'warning', startsAtMs: START + 1 }),
      alert({ annotations: { summary: 'early' }, severity: 'warning' }),
      alert({ annotations: { summary: 'grave' }, severity: 'error', startsAtMs: START + 2 }),
    ];
    const text = only(renderBatch(group(told), 'K7M2P9X'));
    expect(text.match(/over|late|early|grave/g)).toEqual(['grave', 'early', 'late', 'over']);
  });

  it('names the alerts that it does not tell in full, and counts the rest', () => {
    const alerts = Array.from({ length: 60 }, (_, place) =>
      alert({
        fingerprint: `f${place}`,
        severity: place === 59 ? 'critical' : 'warning',
        annotations: { summary: `alert ${place}` },
      }),
    );
    const { parts } = renderBatch(group(alerts), 'K7M2P9X');
    const whole = parts.map(({ plain }) => plain).join('');
    expect(whole).toMatch(/🔴 critical: ItemsStuck · 60 firing/);
    expect(whole.indexOf('alert 59')).toBeLessThan(whole.indexOf('alert 0'));
    expect(whole.match(/alert \d+/g)).toHaveLength(50);
    expect(whole).toContain('… and 10 more');
  });

  it('shows only links that lead to a web page', () => {
    const annotations = {
      runbook_url: 'javascript:alert(1)',
      dashboard_url: 'https://user:pass@example.org/',
    };
    const text = only(
      renderBatch(
        group([alert({ annotations, generatorUrl: 'tg://user?id=1' })], { externalUrl: '' }),
        'K7M2P9X',
      ),
    );
    expect(text).not.toContain('<a ');
  });

  it('takes its destination from nothing that stands in a label', () => {
    const labels = { alertname: 'A', chat_id: '-100666', message_thread_id: '9' };
    expect(Object.keys(renderBatch(group([alert({ labels })]), 'K7M2P9X').parts[0]!)).toEqual([
      'index',
      'count',
      'text',
      'plain',
    ]);
  });

  it('is divided at a line end, each part with its number and the id', () => {
    const description = `${'a'.repeat(1_400)}\n`;
    const alerts = [1, 2, 3].map((place) =>
      alert({
        fingerprint: `f${place}`,
        annotations: { summary: `s${place}`, description, impact: description },
      }),
    );
    const { parts } = renderBatch(group(alerts), 'K7M2P9X');
    expect(parts.map(({ text }) => text.split('\n')[0])).toEqual([
      '<b>[1/3] #K7M2P9X',
      '<b>[2/3] #K7M2P9X',
      '<b>[3/3] #K7M2P9X',
    ]);
    for (const { text, index, count } of parts) {
      const reading = readTelegramHtml(text);
      expect(reading.ok && reading.text.endsWith('\n')).toBe(true);
      expect([index <= count, count]).toEqual([true, 3]);
    }
  });

  it('has a title also without a name', () => {
    expect(batchTitle(group([], { groupLabels: {} }))).toBe('no alerts');
    expect(batchTitle(group([alert()], { groupLabels: {} }))).toBe('ItemsStuck');
    expect(batchTitle(group([alert(), alert({ labels: {} })], { groupLabels: {} }))).toBe(
      '2 kinds of alerts',
    );
  });
});

describe('foreign text', () => {
  it.each([
    ['half \ud83d pair', 'half \ufffd pair'],
    ['a\u0000b\tc', 'a b c'],
    ['a\r\nb\rc', 'a\nb\nc'],
    ['\u202egnp.exe', 'gnp.exe'],
    ['hi @all, me@example.org', 'hi @\u2060all, me@example.org'],
    ['👩‍👩‍👧', '👩‍👩‍👧'],
  ])('%j becomes %j', (text, expected) => {
    expect(cleanText(text)).toBe(expected);
  });

  it('is escaped, in an address too', () => {
    expect(htmlOf([{ text: '<&>"', url: 'https://a.b/"><b>&' }, { text: '' }])).toBe(
      '<a href="https://a.b/&quot;&gt;&lt;b&gt;&amp;">&lt;&amp;&gt;&quot;</a>',
    );
  });

  it('is never shortened inside a character', () => {
    expect(shorten('a😀b', 3)).toBe('a…');
    expect(shorten('a😀b', 4)).toBe('a😀b');
    expect(shorten('abc', 2)).toBe('a…');
  });

  it.each([
    ['https://example.org/a b', 'https://example.org/a%20b'],
    ['http://example.org', 'http://example.org/'],
    ['ftp://example.org', undefined],
    ['example.org', undefined],
    ['https://user@example.org', undefined],
    [`https://example.org/${'a'.repeat(1_024)}`, undefined],
    [`https://example.org/${'é'.repeat(400)}`, undefined],
  ])('%s as a link is %s', (address, expected) => {
    expect(safeUrl(address)).toBe(expected);
  });

  it.each([
    [-1, '0 s'],
    [59_499, '59 s'],
    [61_000, '1 min 1 s'],
    [3_600_000, '1 h'],
    [90_061_000, '1 d 1 h'],
  ])('%s ms is told as %s', (ms, expected) => {
    expect(durationText(ms)).toBe(expected);
  });
});

describe('a digest', () => {
  const entry = (place: number, own: Partial<DigestEntry> = {}): DigestEntry => ({
    eventId: `E${place}`,
    title: 'ItemsStuck',
    severity: 'warning',
    firing: 2,
    resolved: 1,
    sinceMs: START + place * 1000,
    ...own,
  });

  it('names the critical first and what is over last, each group by its id', () => {
    const entries = [
      entry(1),
      entry(2),
      entry(3, { firing: 0, title: 'Over' }),
      entry(4, { severity: 'critical', title: 'Database & <disk>', resolved: 0 }),
    ];
    const digest = renderDigest(entries, 'D1');
    expect(only(digest)).toBe(`<b>📋 4 groups of alerts at once</b> · 6 firing, 3 resolved · <code>#D1</code>

🔴 <b>Database &amp; &lt;disk&gt;</b> · 2 firing · since 2026-11-21 15:04:09 UTC
#E4

🟡 <b>ItemsStuck</b> ×2 · 4 firing, 2 resolved · since 2026-11-21 15:04:06 UTC
#E1 #E2

🟢 <b>Over</b> · 1 resolved · since 2026-11-21 15:04:08 UTC
#E3
`);
    expect(digest.silent).toBe(false);
    expect(renderDigest([entry(1, { severity: 'info' })], 'D1').silent).toBe(true);
  });

  it('of a storm holds all of 10,000 ids, in parts that Telegram takes', () => {
    const entries = Array.from({ length: 10_000 }, (_, place) =>
      entry(place, { title: `Alert${place % 300}`, severity: place % 50 === 0 ? 'critical' : 'warning' }),
    );
    const { parts } = renderDigest(entries, 'D1');
    const said = new Set(parts.flatMap(({ plain }) => plain.match(/E\d+/g) ?? []));
    expect(said.size).toBe(10_000);
    expect(parts.length).toBeLessThan(40);
    expect(Math.max(...parts.map(({ plain }) => plain.length))).toBeLessThanOrEqual(4_096);
    expect(parts[0]!.plain).toContain('🔴');
    expect(parts.at(-1)!.plain).not.toContain('🔴');
  });
});

describe('alerts that join a group', () => {
  it('are told by an answer that rings', () => {
    expect(renderBell([], 'E1')).toBeUndefined();
    const bell = renderBell([alert()], 'E1')!;
    expect(only(bell)).toBe(
      '<b>1 more firing</b> · <code>#E1</code>\n🔴 12 tokens stay in active for over 30 min',
    );
    expect(bell.silent).toBe(false);
    expect(renderBell([alert({ severity: 'info' })], 'E1')!.silent).toBe(true);
    const many = Array.from({ length: 8 }, () => alert());
    expect(only(renderBell(many, 'E1')!)).toMatch(/^<b>8 more firing.*… and 3 more$/s);
  });
});

describe('a notice', () => {
  it('carries our own words, a mark and the id', () => {
    const notice = renderNotice('🐕 Watchdog stopped', 'No sign of life for <5 min>.', 'W1', {
      silent: true,
    });
    expect(only(notice)).toBe(
      '<b>🐕 Watchdog stopped</b> · <code>#W1</code>\nNo sign of life for &lt;5 min&gt;.',
    );
    expect(notice.silent).toBe(true);
  });
});
