/** Owns the pages that alerts link to: a runbook as plain HTML that a phone shows at once, and the list of all. */

import type { Answer, FaceRequest } from './answer.js';
import type { HttpDeps } from './deps.js';
import { escapeHtml } from './landing-html.js';
import { badField, HttpProblem } from './problem.js';

const HTML = { 'content-type': 'text/html; charset=utf-8' };
const STYLE = `
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:48rem;padding:1rem}
pre{overflow-x:auto;padding:.6rem;border:1px solid #8886;border-radius:.3rem}
code{font-size:.95em}
li{margin:.3rem 0}
`;

/** `GET /runbooks` */
export function listRunbooks({ runbooks }: Pick<HttpDeps, 'runbooks'>): Answer {
  const names = [...(runbooks ?? new Map<string, string>()).keys()];
  const items = names.map((name) => `<li><a href="./runbooks/${name}">${name}</a></li>`);
  return page('Runbooks', `<h1>Runbooks</h1>\n<ul>\n${items.join('\n')}\n</ul>`);
}

/** `GET /runbooks/:alert`; 404 for a name that is not in the list, whatever it looks like. */
export function showRunbook({ runbooks }: Pick<HttpDeps, 'runbooks'>, request: FaceRequest): Answer {
  const name = request.params.alert ?? '';
  const text = runbooks?.get(name);
  if (text !== undefined) return page(name, renderRunbook(text));
  throw new HttpProblem({
    ...badField('alert', name, 'open /runbooks for the list').problem,
    status: 404,
    title: 'Not Found',
    code: 'RUNBOOK_UNKNOWN',
    detail: 'there is no runbook of this name',
  });
}

function page(title: string, body: string): Answer {
  const text = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${body}
</body>
</html>
`;
  return { status: 200, headers: HTML, body: text };
}

/** The Markdown that runbooks use: headings, lists, fenced blocks, paragraphs, code and links within a line. */
export function renderRunbook(markdown: string): string {
  const out: string[] = [];
  let list: 'ul' | 'ol' | undefined;
  let fence: string[] | undefined;
  const endList = () => {
    if (list !== undefined) out.push(`</${list}>`);
    list = undefined;
  };
  for (const line of markdown.split('\n')) {
    if (line.startsWith('```')) {
      endList();
      if (fence !== undefined) out.push(`<pre><code>${escapeHtml(fence.join('\n'))}</code></pre>`);
      fence = fence === undefined ? [] : undefined;
      continue;
    }
    if (fence !== undefined) {
      fence.push(line);
      continue;
    }
    const heading = /^(#{1,3}) (.+)$/.exec(line);
    const item = /^(?:(-)|\d+\.) (.+)$/.exec(line);
    if (item !== null) {
      const wanted = item[1] === '-' ? 'ul' : 'ol';
      if (list !== wanted) {
        endList();
        out.push(`<${wanted}>`);
        list = wanted;
      }
      out.push(`<li>${inline(item[2]!)}</li>`);
      continue;
    }
    endList();
    if (heading !== null) out.push(`<h${heading[1]!.length}>${inline(heading[2]!)}</h${heading[1]!.length}>`);
    else if (line.trim() !== '') out.push(`<p>${inline(line)}</p>`);
  }
  endList();
  return out.join('\n');
}

function inline(text: string): string {
  return text
    .split(/(`[^`]+`)/)
    .map((part) => {
      if (part.startsWith('`') && part.endsWith('`') && part.length > 1) {
        return `<code>${escapeHtml(part.slice(1, -1))}</code>`;
      }
      return escapeHtml(part)
        .replace(/\*\*([^*]+)\*\*/g, '<b>$1</b>')
        .replace(/\[([^\]]+)\]\(([A-Z][A-Za-z0-9]*)\.md\)/g, '<a href="./$2">$1</a>');
    })
    .join('');
}
