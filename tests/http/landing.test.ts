/** Checks the landing page as a browser gets it: the whole page, and hostile texts that stay texts. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeHtml, landingPage } from '../../src/http/landing.js';
import { startFace, tokens } from './face.js';

test('shows version, links, and each flow with verdict, items and lag', async () => {
  const { get } = await startFace();
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
<h1>Flowgauge</h1>
<p>Version 1.2.3. Ready.</p>
<nav><a href="./metrics">Metrics</a><a href="./api/flows">Flows as JSON</a><a href="./-/healthy">Health</a><a href="./-/ready">Readiness</a></nav>
<h2>Flows</h2>
<div class="wide"><table>
<thead><tr><th scope="col">Flow</th><th scope="col">Verdict</th><th scope="col">Items</th><th scope="col">Capture lag</th></tr></thead>
<tbody>
<tr><th scope="row"><a href="./api/flows/tokens">tokens</a><br><small>public.tokens, journal</small></th><td><span class="v-flowing">flowing</span><br><small><a href="./api/flows/tokens/stuck">stuck items</a></small></td><td><ul><li>monitoring: 12, 2 stuck</li><li>active: 0</li></ul></td><td>0.3 s</td></tr>
</tbody>
</table></div>
</body>
</html>
`);
});

test('each link of the page opens', async () => {
  const { get } = await startFace({ flows: () => [{ ...tokens, flow: 'a/b & "c"' }] });
  const { text } = await get('/');
  const links = [...text.matchAll(/href="([^"]*)"/g)].map(([, link]) =>
    (link ?? '').replaceAll('&#38;', '&'),
  );
  expect(links).toHaveLength(6);
  for (const link of links)
    expect([link, (await get(new URL(link, 'http://x/').pathname)).status]).toEqual([link, 200]);
});

test('says what is not ready, what is not known yet and that there is no flow', () => {
  const facts = {
    version: '1',
    telemetryPath: '/metrics',
    readiness: { ready: false, reasons: ['no store', '<b>'] },
  };
  const unknown = {
    ...tokens,
    verdict: undefined,
    captureLagSeconds: undefined,
    statuses: [{ status: 'new', items: undefined, stuckItems: undefined, oldestAgeSeconds: undefined }],
  };
  const page = landingPage({ ...facts, flows: [unknown] });
  expect(page).toContain('<span class="not-ready">Not ready</span>: no store; &#60;b&#62;.');
  expect(page).toContain('<td>not judged yet<br>');
  expect(page).toContain('<li>new: not known yet</li></ul></td><td>not known yet</td>');
  expect(landingPage({ ...facts, flows: [] })).toContain('<p>No flow is configured.</p>');
});

test('no name or number from outside becomes markup', () => {
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
  const pageFor = (text: string) =>
    landingPage({
      version: text,
      telemetryPath: '/metrics',
      readiness: { ready: false, reasons: [text] },
      flows: [
        {
          ...tokens,
          flow: Buffer.from(text).toString(),
          table: text,
          statuses: [{ status: text, items: 1, stuckItems: 1, oldestAgeSeconds: 1 }],
        },
      ],
    });
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
