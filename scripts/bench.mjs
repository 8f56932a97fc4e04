/** Owns `npm run bench`: compiles the benchmarks, runs them one after the other, prints each figure beside its peer's. */
import { fork } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, installPackages, root, run } from './prepare.mjs';

const ONE = '--one';
if (process.argv[2] === ONE) {
  const module = await import(process.argv[3]);
  process.send(typeof module.run === 'function' ? await module.run() : [], () => process.exit(0));
  await new Promise(() => {});
}

installPackages();
build();
run('npx', ['--no-install', 'tsc', '-p', 'tsconfig.bench.json']);

const folder = join(root, 'dist-bench', 'bench');
const wanted = process.argv.slice(2);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.js') && file !== 'result.js')
  .map((file) => file.slice(0, -3))
  .filter((name) => wanted.length === 0 || wanted.includes(name));

console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model.trim()}`);
console.log('Ratios travel, absolute times do not: compare the ratio, not the numbers of two machines.\n');
const all = [];
for (const name of names) {
  const results = await inOwnProcess(join(folder, `${name}.js`));
  if (results.length === 0) continue;
  console.log(`## ${name}`);
  for (const result of results) {
    all.push({ bench: name, ...result });
    const peer =
      result.peer === undefined ? '' : ` | peer ${figure(result.peer)} | ratio ${figure(result.ratio)}`;
    console.log(`${result.name}: ${figure(result.ours)} ${result.unit}${peer}${verdict(result)}`);
    console.log(`    ${result.method}`);
  }
  console.log('');
}
mkdirSync(join(root, 'dist-bench'), { recursive: true });
writeFileSync(join(root, 'dist-bench', 'results.json'), `${JSON.stringify(all, null, 2)}\n`);

/** What one measurement leaves in the compiler and on the heap must not be part of the next. */
function inOwnProcess(file) {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [ONE, file]);
    let results;
    child.on('message', (message) => {
      results = message;
    });
    child.on('exit', (code) => {
      if (results === undefined) reject(new Error(`${file} ended with ${code} and without figures`));
      else resolve(results);
    });
  });
}

/** Whether each bound of the figure is kept, in words. */
function verdict(result) {
  const words = [];
  for (const what of ['ours', 'ratio']) {
    const [most, least] = [result.atMost?.[what], result.atLeast?.[what]];
    const name = what === 'ratio' ? 'ratio ' : '';
    if (most !== undefined) words.push(`${name}≤ ${figure(most)} ${result[what] <= most ? 'met' : 'MISSED'}`);
    if (least !== undefined)
      words.push(`${name}≥ ${figure(least)} ${result[what] >= least ? 'met' : 'MISSED'}`);
  }
  return words.length === 0 ? '' : ` | ${words.join(', ')}`;
}

function figure(value) {
  if (typeof value !== 'number') return String(value);
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
process.exit(0);
