/** Owns the proof that an alert's link opens its runbook, as text that cannot do anything, and nothing else. */
import { describe, expect, it } from 'vitest';
import { renderRunbook } from '../../src/http/runbooks.js';
import { startFace } from './face.js';

const runbooks = new Map([
  [
    'FlowStalled',
    '# FlowStalled\n\nNothing <b>moves</b> & `a < b`.\n\n1. Look.\n2. Ask.\n\n- **one**\n\n```\nup == 0 && "<"\n```\n',
  ],
  ['TargetDown', '# TargetDown\n\nSee [the stall](FlowStalled.md).\n'],
]);

describe('a runbook', () => {
  it('is escaped HTML with headings, lists and code', async () => {
    const face = await startFace({ runbooks });
    const { status, headers, text } = await face.get('/runbooks/FlowStalled');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(text.slice(text.indexOf('<body>') + 7, text.indexOf('\n</body>'))).toBe(
      [
        '<h1>FlowStalled</h1>',
        '<p>Nothing &#60;b&#62;moves&#60;/b&#62; &#38; <code>a &#60; b</code>.</p>',
        '<ol>',
        '<li>Look.</li>',
        '<li>Ask.</li>',
        '</ol>',
        '<ul>',
        '<li><b>one</b></li>',
        '</ul>',
        '<pre><code>up == 0 &#38;&#38; &#34;&#60;&#34;</code></pre>',
      ].join('\n'),
    );
  });

  it('links to another one', () => {
    expect(renderRunbook('See [the stall](FlowStalled.md), not [this](javascript:alert(1)).')).toBe(
      '<p>See <a href="./FlowStalled">the stall</a>, not [this](javascript:alert(1)).</p>',
    );
  });

  it('is found through the list', async () => {
    const face = await startFace({ runbooks });
    expect((await face.get('/runbooks')).text).toContain(
      '<li><a href="./runbooks/FlowStalled">FlowStalled</a></li>\n<li><a href="./runbooks/TargetDown">TargetDown</a></li>',
    );
  });

  it('is 404 for every name that is not in the list', async () => {
    const face = await startFace({ runbooks });
    for (const name of [
      'Unknown',
      '..%2f..%2fpackage.json',
      'flowstalled',
      'FlowStalled.md',
      '__proto__',
      'constructor',
    ]) {
      const { status, text } = await face.get(`/runbooks/${name}`);
      expect([name, status]).toEqual([name, 404]);
      expect(JSON.parse(text)).toMatchObject({ code: 'RUNBOOK_UNKNOWN' });
    }
  });
});
