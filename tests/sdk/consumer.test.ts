/** Checks the package as its user gets it: packed, unpacked beside its dependencies, compiled against, and run from the guide. */
import { execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiReference } from '../../scripts/api-reference.mjs';
import { eventually, projectRoot, samplesOf } from '../harness/exporter.js';
import { freePort } from '../harness/ports.js';
import { guideFile, installPackage } from './packed.js';

const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), 'flowgauge-consumer-'));

beforeAll(() => installPackage(directory));

afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('the types of the package are whole, also for a user who checks the types of all packages', async () => {
  cpSync(join(projectRoot, 'examples/sdk'), join(directory, 'src'), { recursive: true });
  const guide = readFileSync(join(projectRoot, 'docs/sdk.md'), 'utf8');
  const blocks = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text]) => text!);
  expect(blocks.length).toBeGreaterThan(0);
  for (const [i, text] of blocks.entries()) writeFileSync(join(directory, 'src', `guide-${i}.ts`), text);
  const compilerOptions = {
    target: 'ES2022',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  const tsc = join(projectRoot, 'node_modules/.bin/tsc');
  const { stdout } = await run(tsc, ['-p', directory]).catch((error: { stdout: string }) => error);
  expect(stdout).toBe('');
});

test('every file of the package that the guide names is in it', () => {
  const guide = readFileSync(join(projectRoot, 'docs/sdk.md'), 'utf8');
  const named = [...guide.matchAll(/node_modules\/flowgauge\/[\w./-]+/g)].map(([path]) => path);
  const examples = [...guide.matchAll(/examples\/sdk\/[\w.]*/g)].map(
    ([path]) => `node_modules/flowgauge/${path}`,
  );
  expect(named.length).toBeGreaterThan(3);
  expect(examples.length).toBeGreaterThan(1);
  const missing = [...named, ...examples].filter((path) => !existsSync(join(directory, path)));
  expect(missing).toEqual([]);
});

test('the service of the guide runs as it stands there, and its breaker is on /metrics', async () => {
  const service = guideFile('service.mjs');
  // A dependency that is always down: the guide's own takes half a minute to show all of it.
  const down = service.replace('Date.now() % 30_000 < 10_000', 'Date.now() > 0');
  expect(down).not.toBe(service);
  writeFileSync(join(directory, 'service.mjs'), down);
  const port = String(await freePort());
  const child = spawn(process.execPath, ['service.mjs'], {
    cwd: directory,
    env: { PATH: process.env.PATH, PORT: port },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  try {
    const ask = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
    await eventually(
      () => ask('/metrics'),
      () => true,
    );
    const answers = [await ask('/'), await ask('/'), await ask('/'), await ask('/')];
    expect(answers.slice(0, 3)).toEqual(Array(3).fill('the quote service is down\n'));
    expect(answers[3]).toContain('quotes');
    const states = samplesOf(await ask('/metrics'), 'circuit_breaker_state');
    expect(states.get('breaker="quotes",state="open"')).toBe(1);
    expect(states.get('breaker="quotes",state="closed"')).toBe(0);
  } finally {
    child.kill('SIGKILL');
  }
});

test('the breaker of the example on testing recovers without waiting', async () => {
  writeFileSync(
    join(directory, 'recover.mjs'),
    readFileSync(join(projectRoot, 'examples/sdk/testing.ts'), 'utf8').replace('(): Promise<void>', '()') +
      "\nawait breakerRecovers(); console.log('recovered');\n",
  );
  const { stdout } = await run(process.execPath, ['recover.mjs'], { cwd: directory });
  expect(stdout).toBe('recovered\n');
});

test('docs/api.md says what the code says: every export is in it, none without a meaning', () => {
  // On red: node scripts/api-reference.mjs
  const committed = readFileSync(join(projectRoot, 'docs/api.md'), 'utf8');
  expect(committed).toBe(apiReference());
});

test('every export of the door is in the reference under its name', async () => {
  const door = (await import(join(projectRoot, 'dist/index.js'))) as Record<string, unknown>;
  const reference = readFileSync(join(projectRoot, 'docs/api.md'), 'utf8');
  for (const name of Object.keys(door)) expect(reference).toContain(`### \`${name}\` (`);
});
