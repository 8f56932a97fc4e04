/** Owns the check that what README and docs tell people to run, open and write down really exists. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/config/load.js';
import { projectRoot, runCli } from './harness/exporter.js';

const read = (path: string) => readFileSync(join(projectRoot, path), 'utf8');
const pages = ['README.md', 'CHANGELOG.md', ...filesBelow('docs').filter((path) => path.endsWith('.md'))];
const handWritten = pages.filter((path) => !/^docs\/(metrics|configuration)\.md$/.test(path));
const COMMANDS = ['serve', 'demo', 'check', 'install', 'uninstall', 'render', 'notify', 'docs'];

describe('links', () => {
  it.each(pages)('of %s lead to files and headings that exist', (page) => {
    expect(brokenLinks(page, read(page))).toEqual([]);
  });

  it('that lead nowhere are found', () => {
    const text =
      '[a](docs/none.md) [b](docs/capture.md#none) [c](https://example.org) [d](docs/capture.md#gaps)';
    expect(brokenLinks('README.md', text)).toEqual(['docs/none.md', 'docs/capture.md#none']);
  });
});

describe('commands', () => {
  const scripts = (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts;

  it.each(handWritten)('npm scripts of %s exist', (page) => {
    const named = [...read(page).matchAll(/`npm (?:run )?([a-z-]+)[^`]*`/g)].map(([, name]) => name!);
    const ours = named.filter((name) => !['ci', 'install', 'exec', 'pack'].includes(name));
    expect(ours.filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  it('of flowgauge exist with the flags that are named', async () => {
    const help = new Map<string, string>();
    await Promise.all(
      ['', ...COMMANDS].map(async (command) => {
        const run = runCli([...(command === '' ? [] : [command]), '--help']);
        expect(await run.exit, run.output()).toBe(0);
        help.set(command, run.output());
      }),
    );
    const named = handWritten.flatMap((page) => commandsIn(read(page)));
    expect(named.length).toBeGreaterThan(20);
    const unknown = named.filter(({ command, flags }) => {
      const text = `${help.get(command ?? '')}${command === 'demo' ? '' : help.get('serve')}`;
      return !COMMANDS.includes(command ?? 'serve') || flags.some((flag) => !text.includes(flag));
    });
    expect(unknown).toEqual([]);
  });

  it('that do not exist are found', () => {
    expect(
      commandsIn('run `flowgauge fly --wings=2` and `flowgauge --up`, a `flowgauge` and `flowgauge_items`'),
    ).toEqual([
      { command: 'fly', flags: ['--wings'] },
      { command: undefined, flags: ['--up'] },
    ]);
  });
});

describe('examples of configuration', () => {
  const blocks = handWritten
    .flatMap((page) =>
      [...read(page).matchAll(/^( *)```yaml\n([\s\S]*?)^ *```/gm)].map(([, indent, text]) => ({
        page,
        text: text!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      })),
    )
    .filter(({ text }) => /^flows:/m.test(text));

  it('exist', () => {
    expect(blocks.map((block) => block.page)).toContain('README.md');
  });

  it.each(blocks)('of $page are good', ({ text }) => {
    expect(parseConfig(text, { env: {} }).flows).toHaveLength(1);
  });
});

describe('the list of codes', () => {
  it('holds every code of ours that an operator can meet', () => {
    const page = read('docs/operations.md');
    const codes = new Set(
      filesBelow('src')
        .filter((path) => !/^src\/(resilience|instrument)\//.test(path))
        .flatMap((path) => codesIn(read(path))),
    );
    expect(codes.size).toBeGreaterThan(40);
    expect([...codes].filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
  });
});

/** The relative links of a page that lead to no file, or to no heading in it. */
function brokenLinks(page: string, text: string): string[] {
  const prose = text.replaceAll(/^ *```[\s\S]*?^ *```/gm, '').replaceAll(/`[^`]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [path, heading] = link.split('#', 2);
      const file = path === '' ? page : join(dirname(page), path!);
      if (!existsSync(join(projectRoot, file))) return true;
      return heading !== undefined && !headingsOf(read(file)).includes(heading);
    });
}

function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Every `flowgauge …` in code marks, with the names of its flags. */
function commandsIn(text: string): { command: string | undefined; flags: string[] }[] {
  const inMarks = [...text.matchAll(/`(?:[A-Z_]+=\S+ )?flowgauge ([^`]+)`/g)].map(([, rest]) => rest!);
  const inBlocks = [...text.matchAll(/^ *flowgauge (.+)$/gm)].map(([, rest]) => rest!);
  return [...inMarks, ...inBlocks].map((rest) => ({
    command: /^([a-z]+)/.exec(rest)?.[1],
    flags: [...rest.matchAll(/--[a-z.-]+/g)].map(([flag]) => flag),
  }));
}

/** Codes that a file defines; those of others that it compares with are not ours to explain. */
function codesIn(text: string): string[] {
  const single = [...text.matchAll(/\bcode(?:: | = )'([A-Z_]+)'/g)].map(([, code]) => code!);
  const unions = [...text.matchAll(/(?:readonly code:|type \w+Code =)([^;,]+)[;,]/g)].map(
    ([, union]) => union!,
  );
  return [...single, ...unions.flatMap((u) => [...u.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code!))];
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(projectRoot, folder)).flatMap((name) => {
    const path = `${folder}/${name}`;
    return statSync(join(projectRoot, path)).isDirectory() ? filesBelow(path) : [path];
  });
}
