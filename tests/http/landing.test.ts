/** Checks the landing page as a browser gets it: the whole page, its links, and hostile texts that stay texts. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { landingPage } from '../../src/http/landing.js';
import { escapeHtml, spanText } from '../../src/http/landing-html.js';
import { alert, breaker, facts, flow, healthDeps, job, NOW } from '../operations/made-up-facts.js';
import { startFace, tokens } from './face.js';

const troubled = {
  flows: () => [{ ...flow, verdict: 'stalled' as const }],
  breakers: () => [breaker, { ...breaker, name: 'mail', state: 'open' as const, retryAfterSeconds: 4.2 }],
  jobs: () => [job, { ...job, name: 'lease', state: 'crash_looping' as const }],
  firing: () => ({
    kind: 'known' as const,
    at: NOW,
    alerts: [
      alert('warning', { isMuted: true, fingerprint: '2' }),
      alert('none', { fingerprint: '3' }),
      alert('critical', { labels: { alertname: 'NoRunbook', severity: 'critical' } }),
    ],
  }),
};
const bare = {
  version: '1',
  telemetryPath: '/metrics',
  readiness: { ready: true, reasons: [] },
  flows: [tokens],
  health: facts(),
  runbooks: new Set<string>(),
};

test('says how it is and why, flow by flow and part by part', async () => {
  const runbooks = new Map([['FlowStalled', '# FlowStalled']]);
  const { get } = await startFace({ ...healthDeps(troubled), runbooks });
  const { status, headers, text } = await get('/');
  expect([status, headers['content-type'], headers['content-security-policy']]).toEqual([
    200,
    'text/html; charset=utf-8',
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ]);
  const [head, body] = text.split(/<style>[^<]*<\/style>/);
  expect(head).toBe(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Flowgauge</title>
`);
  expect(body).toBe(`
</head>
<body>
<header><h1>Flowgauge</h1><p>Version 1.2.3. Ready.</p></header>
<main>
<section class="health unhealthy"><h2>Health: <span class="word">unhealthy</span></h2>
<ul><li>critical alerts: 1</li><li>open circuit breakers: mail</li><li>flows not well: tokens is stalled</li><li>jobs not well: lease</li></ul><p>Score <strong>74</strong> of 100:</p><ul><li>25 % of the memory is in use: 15 points less</li><li>30 % of the processors is in use: 10.8 points less</li></ul>
<p><small>As of 2026-01-02T03:04:05.000Z.</small></p></section>
<section><h2>Flows</h2>
<div class="cards"><article><h3><a href="./api/flows/tokens">tokens</a>: <strong class="good">flowing</strong></h3>
<ul><li>monitoring: 12, <strong class="late">2 stuck</strong>, oldest 4 min 1 s</li><li>active: 0</li></ul>
<p><small>public.tokens, journal. Capture lag: 0.3 s. <a href="./api/flows/tokens/stuck">Stuck items</a></small></p></article></div></section>
<section><h2>Alerts</h2>
<p>2 alerts.</p><ul><li><strong class="bad">critical</strong> NoRunbook: tokens does not move<br><small>since 2026-01-02T03:04:00.000Z</small></li><li><strong class="late">warning</strong> <a href="./runbooks/FlowStalled">FlowStalled</a>: tokens does not move<br><small>since 2026-01-02T03:04:00.000Z, muted</small></li></ul></section>
<section><h2>Circuit breakers</h2>
<p>1 of 2 open.</p><ul><li>market: <strong class="good">closed</strong></li><li>mail: <strong class="bad">open</strong>, next trial in 5 s</li></ul></section>
<section><h2>Jobs</h2>
<p>1 of 2 jobs not well.</p><ul><li>lease: <strong class="bad">crash looping</strong></li></ul></section>
</main>
<nav><h2>Links</h2>
<ul><li><a href="./metrics">Metrics</a></li><li><a href="./-/ready">Readiness</a></li><li><a href="./api/flows">Flows</a></li><li><a href="./runbooks">Runbooks</a></li><li><a href="./openapi.json">All endpoints (OpenAPI)</a></li><li><a href="./health/scheduler">Jobs</a></li><li><a href="./health/performance">Performance</a></li><li><a href="./api/metrics/circuit-breakers">Circuit breakers</a></li><li><a href="./health/resources">Resources</a></li><li><a href="./api/metrics/alerts">Alerts</a></li></ul></nav>
</body>
</html>
`);
});

test('each link of the page opens', async () => {
  const { get } = await startFace({
    ...healthDeps({ firing: () => ({ kind: 'known', at: NOW, alerts: [alert('error')] }) }),
    runbooks: new Map([['FlowStalled', '# FlowStalled']]),
    flows: () => [{ ...tokens, flow: 'a/b & "c"' }],
  });
  const { text } = await get('/');
  const links = [...text.matchAll(/href="([^"]*)"/g)].map(([, link]) =>
    (link ?? '').replaceAll('&#38;', '&'),
  );
  expect(links).toHaveLength(13);
  for (const link of links)
    expect([link, (await get(new URL(link, 'http://x/').pathname)).status]).toEqual([link, 200]);
});

test('says what is not ready, not known, not configured and not there', () => {
  const unknown = {
    ...tokens,
    verdict: undefined,
    captureLagSeconds: undefined,
    statuses: [{ status: 'new', items: undefined, stuckItems: undefined, oldestAgeSeconds: undefined }],
  };
  const page = landingPage({
    ...bare,
    readiness: { ready: false, reasons: ['no store', '<b>'] },
    flows: [unknown],
    health: facts({
      firing: () => ({ kind: 'unknown' }),
      resources: () => undefined,
      breakers: () => [],
    }),
  });
  expect(page).toContain('<strong class="bad">Not ready</strong>: no store; &#60;b&#62;.');
  expect(page).toContain('tokens</a>: not judged yet</h3>');
  expect(page).toContain('<li>new: not known yet</li>');
  expect(page).toContain('Capture lag: not known yet.');
  expect(page).toContain('<p class="bad">Alertmanager does not answer.</p>');
  expect(page).toContain('<p>The machine is not measured.</p>');
  expect(page).toContain('<p>This process has none.</p>');
  const off = landingPage({ ...bare, flows: [], health: facts({ firing: () => ({ kind: 'off' }) }) });
  expect(off).toContain('<p>No flow is counted yet.</p>');
  expect(off).toContain('<p>No Alertmanager is configured.</p>');
  expect(off).toContain('<p>1 job, all well.</p>');
});

test('names the loudest alerts and counts the rest', () => {
  const many = Array.from({ length: 60 }, (_, n) =>
    alert(n === 59 ? 'critical' : 'info', {
      labels: { alertname: `A${n}`, severity: n === 59 ? 'critical' : 'info' },
    }),
  );
  const page = landingPage({
    ...bare,
    health: facts({ firing: () => ({ kind: 'known', at: NOW, alerts: many }) }),
  });
  expect(page).toContain('<p>60 alerts.</p><ul><li><strong class="bad">critical</strong> A59');
  expect(page).toContain('And 10 more');
});

test('no name or text from outside becomes markup', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '"><script>alert(1)</script>',
      "' onload='x",
      '</style><img src=x>',
      '&lt;b&gt;',
      'javascript:alert(1)',
    ),
  );
  const tags = (page: string) =>
    page.match(/<[^>]*>/g)?.map((tag) => tag.replace(/href="[^"]*"/, 'href')) ?? [];
  const pageFor = (text: string) => {
    const safe = Buffer.from(text).toString();
    const statuses = [{ status: text, items: 1, stuckItems: 1, oldestAgeSeconds: 1 }];
    const loud = alert('critical', {
      labels: { alertname: text, severity: 'critical' },
      annotations: { summary: text },
    });
    return landingPage({
      ...bare,
      version: text,
      readiness: { ready: false, reasons: [text] },
      flows: [{ ...tokens, flow: safe, table: text, statuses }],
      health: facts({
        flows: () => [{ ...flow, flow: text, verdict: 'stalled' }],
        breakers: () => [{ ...breaker, name: text, state: 'open' }],
        jobs: () => [{ ...job, name: text, state: 'stuck' }],
        firing: () => ({ kind: 'known', at: NOW, alerts: [loud] }),
      }),
    });
  };
  const plain = tags(pageFor('tokens'));
  fc.assert(
    fc.property(hostile, (text) => {
      expect(tags(pageFor(text))).toEqual(plain);
    }),
    { numRuns: 500 },
  );
});

test('escaping is undone by a browser to the same text', () => {
  const undone = (html: string) => html.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => undone(escapeHtml(text)) === text));
  expect(escapeHtml(`<a href="x" title='y'>&amp;`)).toBe(
    '&#60;a href=&#34;x&#34; title=&#39;y&#39;&#62;&#38;amp;',
  );
});

test('spans are told by their two largest units', () => {
  expect([0.4, 59, 61, 3_700, 90_061].map(spanText)).toEqual([
    '0 s',
    '59 s',
    '1 min 1 s',
    '1 h 1 min',
    '1 d 1 h',
  ]);
});
