/** Owns docs/api.md: printed from the door `src/index.ts`, the comments of the compiled types, and the compiled examples. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './prepare.mjs';

/** The sections, which modules they hold, and their examples. The first that matches a module has it. */
const SECTIONS = [
  {
    title: 'Jobs',
    modules: /^(resilience\/(supervisor|job|batch)|instrument\/host-supervisor|metrics\/jobs)/,
    examples: ['jobs.ts'],
  },
  { title: 'Metrics', modules: /^(metrics|http)\//, examples: ['quickstart.ts'] },
  {
    title: 'Policies',
    modules: /^resilience\/(?!setup-options)/,
    examples: ['policies.ts', 'load.ts', 'testing.ts'],
  },
  {
    title: 'Instrumentation',
    modules: /^(instrument|flows|resilience\/setup-options)/,
    examples: ['instrument.ts', 'flows.ts', 'adapters.ts'],
  },
  { title: 'Logs and traces', modules: /^telemetry\//, examples: ['logs.ts'] },
];
/** What members mean that mean the same everywhere. */
const USUAL = [
  ['code', 'Stable: it may be compared with.'],
  ['name: string', 'Label value of its series.'],
  ['execute<T>', 'As in `Policy`.'],
];
/** Members by which the parts of the package work together; they are no promise. */
const INNER = /^(slot|labelValues|readLines|incSeries|setSeries|addToSeries|record|observeSeries)\b|^name = /;

/** The text of docs/api.md. Throws when an export has no declaration or no comment. */
export function apiReference() {
  const parts = [
    '# API of the package\n',
    'Generated from the source: `node scripts/api-reference.mjs`. Times are milliseconds where a name ends in `Ms`.',
    'Every option that is wrong throws when it is given, never later; the message names option, rule and value.\n',
  ];
  const entries = doorEntries();
  for (const section of SECTIONS) {
    parts.push(`## ${section.title}\n`);
    for (const example of section.examples) parts.push(exampleText(example));
    for (const entry of entries.filter(({ module }) => sectionOf(module) === section))
      parts.push(entryText(entry));
  }
  return `${parts.join('\n').trimEnd()}\n`;
}

function sectionOf(module) {
  const section = SECTIONS.find(({ modules }) => modules.test(module));
  if (section === undefined) throw new Error(`${module} belongs to no section`);
  return section;
}

/** The exported names with their modules; what is used before what it is described by. */
function doorEntries() {
  const door = readFileSync(join(root, 'src/index.ts'), 'utf8');
  const exports = [...door.matchAll(/export (type )?\{([^}]*)\} from '\.\/([^']+)\.js'/g)];
  return exports
    .flatMap(([, allTypes, list, module]) =>
      list
        .split(',')
        .map((one) => one.trim())
        .filter((one) => one !== '')
        .map((one) => ({
          name: one.replace(/^type /, ''),
          module,
          rank: allTypes !== undefined || one.startsWith('type ') ? 1 : 0,
        })),
    )
    .sort((a, b) => (a.module === b.module ? a.rank - b.rank : a.module < b.module ? -1 : 1));
}

function exampleText(name) {
  const text = readFileSync(join(root, 'examples/sdk', name), 'utf8');
  const [, says, code] = /^\/\*\* (.*?) \*\/\n([\s\S]*)$/.exec(text);
  return `**Example** (\`examples/sdk/${name}\`). ${says}\n\n\`\`\`ts\n${code.trim()}\n\`\`\`\n`;
}

function entryText({ name, module }) {
  const text = readFileSync(join(root, 'dist', `${module}.d.ts`), 'utf8');
  const start = new RegExp(
    `((?:/\\*\\*(?:(?!\\*/)[\\s\\S])*\\*/\\n)?)export (?:declare )?(abstract class|class|interface|type|function|const) ${name}\\b`,
  ).exec(text);
  if (start === null) throw new Error(`${module}.d.ts declares no ${name}`);
  const says = commentText(start[1]);
  if (says === '') throw new Error(`${name} of ${module} has no comment`);
  const kind = start[2].replace('abstract ', '');
  const code = declarationAt(text, start.index + start[1].length);
  const heading = `### \`${name}\` (${kind})\n\n${says}\n`;
  return kind === 'class' || kind === 'interface'
    ? heading + memberTable(code)
    : `${heading}\n${fenced(code)}`;
}

/** From the first character to the end of the declaration: its semicolon or closing brace at the outer level. */
function declarationAt(text, start) {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const skipped = skipQuoted(text, at);
    if (skipped !== at) {
      at = skipped - 1;
      continue;
    }
    const c = text[at];
    if ('{(['.includes(c)) depth++;
    if ('})]'.includes(c)) depth--;
    if (depth === 0 && (c === ';' || (c === '}' && /^\s*(\n(export|\/\*\*|$)|$)/.test(text.slice(at + 1))))) {
      return text.slice(start, at + 1);
    }
  }
  return text.slice(start);
}

/** Behind the comment or the text that begins here; the same place when neither does. */
function skipQuoted(text, at) {
  if (text.startsWith('/*', at)) return text.indexOf('*/', at) + 2;
  const quote = text[at];
  if (quote !== "'" && quote !== '"' && quote !== '`') return at;
  let end = at + 1;
  while (text[end] !== quote) end += text[end] === '\\' ? 2 : 1;
  return end + 1;
}

function fenced(code) {
  return `\`\`\`ts\n${code.replace(/^export (declare )?/, '').trim()}\n\`\`\`\n`;
}

/** The members of a class or an interface with what their comments say. */
function memberTable(code) {
  const open = code.indexOf('{');
  const rows = [];
  let comment = '';
  let at = open + 1;
  while (at < code.length) {
    if (/\s/.test(code[at])) {
      at++;
    } else if (code.startsWith('/**', at)) {
      const end = skipQuoted(code, at);
      comment = commentText(code.slice(at, end));
      at = end;
    } else {
      const member = memberAt(code, at);
      if (member === '' || member === '}') break;
      const plain = member.replace(/^(readonly |get )+/, '');
      const isInner = /^(#private|protected |private )/.test(member) || INNER.test(plain);
      if (!isInner && !(plain.startsWith('constructor') && comment === '')) rows.push(row(plain, comment));
      comment = '';
      at += member.length;
    }
  }
  const head = code
    .slice(0, open)
    .replace(/^export (declare )?/, '')
    .trim();
  const shape = / (extends|implements) /.test(head) || head.includes('<') ? `\`${head}\`\n\n` : '';
  return rows.length === 0 ? `\n${shape}` : `\n${shape}| member | meaning |\n|---|---|\n${rows.join('\n')}\n`;
}

function memberAt(code, start) {
  let depth = 0;
  for (let at = start; at < code.length; at++) {
    const skipped = skipQuoted(code, at);
    if (skipped !== at) {
      at = skipped - 1;
      continue;
    }
    if ('{(['.includes(code[at])) depth++;
    if ('})]'.includes(code[at])) depth--;
    if (depth < 0) return '';
    if (depth === 0 && code[at] === ';') return code.slice(start, at + 1);
  }
  return '';
}

function row(member, comment) {
  const code = member
    .replace(/;$/, '')
    .replace(/\/\*\*(?:(?!\*\/)[\s\S])*\*\//g, '')
    .replace(/\breadonly /g, '')
    .replace(/ \| undefined$/, '')
    .replace(/\s+/g, ' ')
    .replaceAll('|', '\\|');
  const says = comment === '' ? (USUAL.find(([begin]) => code.startsWith(begin))?.[1] ?? '') : comment;
  return `| \`${code}\` | ${says.replaceAll('|', '\\|').replace(/\n+/g, ' ')} |`;
}

/** A comment as one paragraph of text. */
function commentText(comment) {
  return comment
    .trim()
    .replace(/^\/\*\*|\*\/$/g, '')
    .replace(/^[ \t]*\* ?/gm, '')
    .replace(/\{@link ([^}]+)\}/g, '`$1`')
    .replace(/\s+/g, ' ')
    .trim();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(root, 'docs/api.md'), apiReference());
}
