/** Owns the replay of the Dockerfile without an engine: its steps in clean folders, then its program without rights. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, projectRoot } from '../harness/exporter.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { freePort } from '../harness/ports.js';
import { endProcess, startProgram } from '../harness/processes.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { copyOf, imageOf, stagesOf } from './dockerfile.js';

const text = readFileSync(join(projectRoot, 'Dockerfile'), 'utf8');
const stages = stagesOf(text);
const image = imageOf(text);
const scratch = scratchDirectory('image');
/** The root of each stage's file system. */
const rootOf = (stage: string) => join(scratch, stage === '' ? 'image' : stage);
const IGNORED = readFileSync(join(projectRoot, '.dockerignore'), 'utf8').split('\n');

let database: FreshDatabase;
let running: ChildProcess | undefined;

/** Steps that need root or make nothing of the program: folders outside of /app and their owners. */
const ROOTS_WORK = /^mkdir -p \/var\/lib\/flowgauge \/rendered && chown /;

beforeAll(async () => {
  database = await freshDatabase();
  chmodSync(scratch, 0o755);
  for (const { name, instructions } of stages) {
    mkdirSync(join(rootOf(name), 'app'), { recursive: true });
    for (const { word, text: rest } of instructions) {
      if (word === 'COPY') copy(name, rest);
      if (word === 'RUN' && !ROOTS_WORK.test(rest)) runStep(name, rest);
    }
  }
}, 600_000);

afterAll(async () => {
  if (running !== undefined) await endProcess(running, ['SIGTERM', 'SIGKILL'], 10_000);
  await database?.drop();
  spawnSync('chmod', ['-R', 'u+w', scratch]);
  removeScratch(scratch);
});

function copy(stage: string, rest: string): void {
  const { from, sources, to } = copyOf(rest);
  const folder = join(rootOf(stage), 'app', to);
  for (const source of sources) {
    if (from === undefined)
      expect(IGNORED, `${source} in .dockerignore`).toContain(`!${source.replace(/^\.\//, '')}`);
    const path = from === undefined ? join(projectRoot, source) : join(rootOf(from), source);
    const target = to.endsWith('/') ? join(folder, basename(source)) : folder;
    mkdirSync(dirname(target), { recursive: true });
    cpSync(path, target, { recursive: true, verbatimSymlinks: true });
  }
}

/** A RUN of the file, in /app of its stage. npm takes what it has already, so that no network is needed twice. */
function runStep(stage: string, command: string): void {
  if (/^npm ci (?!.*--omit=dev)/.test(command)) {
    // The development packages of the same lockfile are here; a second installation of them would show nothing more.
    symlinkSync(join(projectRoot, 'node_modules'), join(rootOf(stage), 'app', 'node_modules'));
    return;
  }
  const done = spawnSync('sh', ['-c', command], {
    cwd: join(rootOf(stage), 'app'),
    encoding: 'utf8',
    env: {
      ...process.env,
      NODE_ENV: '',
      npm_config_prefer_offline: 'true',
      npm_config_update_notifier: 'false',
    },
  });
  if (done.status !== 0) throw new Error(`${command}: ${done.stdout}${done.stderr}`);
}

/** A path of the image, where the replay has it. */
const here = (word: string) => (word.startsWith('/app/') ? join(rootOf(''), word) : word);

describe('the image', () => {
  it('is built on one pinned version of Node.js 24', () => {
    const [, base] = /^ARG NODE_IMAGE=(\S+)$/m.exec(text) ?? [];
    expect(base).toMatch(/node:24\.\d+\.\d+-/);
    expect(new Set(stages.map((stage) => stage.base))).toEqual(new Set(['$' + '{NODE_IMAGE}']));
  });

  it('holds the program, its bundle and no development package', () => {
    const app = join(rootOf(''), 'app');
    expect(readdirSync(app).sort()).toEqual(
      ['LICENSE', 'alertmanager', 'dist', 'docs', 'node_modules', 'package.json', 'prometheus'].sort(),
    );
    for (const name of ['typescript', 'vitest', '@biomejs', '@grafana', 'ajv']) {
      expect(existsSync(join(app, 'node_modules', name)), name).toBe(false);
    }
    expect(existsSync(join(app, 'node_modules', 'postgres'))).toBe(true);
  });

  it('takes nothing but what .dockerignore lists: a secret beside it stays outside', () => {
    expect(IGNORED).toContain('*');
    expect(IGNORED.filter((line) => /env|secret/.test(line) && line.startsWith('!'))).toEqual([]);
  });

  it('runs as a user that is a number and not root', () => {
    expect(image.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  it('starts without rights on a tree that cannot be written, is healthy, serves, and ends in order', async () => {
    const app = join(rootOf(''), 'app');
    spawnSync('chmod', ['-R', 'a+rX,a-w', app]);
    const [uid, gid] = image.user.split(':').map(Number);
    const port = await freePort();
    const config = join(scratch, 'flowgauge.yml');
    writeFileSync(config, `source: { url: "${database.url}" }\n`, { mode: 0o644 });
    let output = '';
    running = startProgram({
      command: process.execPath,
      args: [...image.entrypoint.slice(1).map(here), ...image.command, `--config.file=${config}`],
      deathSignal: 'KILL',
      account: process.getuid?.() === 0 ? { uid: uid!, gid: gid! } : undefined,
      cwd: app,
      env: {
        PATH: process.env.PATH,
        ...image.environment,
        FLOWGAUGE_WEB_LISTEN_ADDRESS: `127.0.0.1:${port}`,
      },
    });
    for (const stream of [running.stdout!, running.stderr!]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
    }
    expect(image.entrypoint[0]).toBe('node');
    expect(image.healthcheck?.[0]).toBe('node');
    const check = () => healthcheck(port);
    expect(await eventually(check, (code) => code === 0 || running!.exitCode !== null), output).toBe(0);
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(metrics).toContain('flowgauge_build_info');
    const ready = () => fetch(`http://127.0.0.1:${port}/-/ready`).then((answer) => answer.status);
    await eventually(ready, (status) => status === 200);
    if (process.getuid?.() === 0) {
      expect(statSync(`/proc/${running.pid}`).uid, 'the process is not of the image’s user').toBe(uid);
    }
    running.kill('SIGTERM');
    await endProcess(running, ['SIGTERM', 'SIGKILL'], 20_000);
    expect(running.exitCode, output).toBe(0);
    // What the check is for: it must fail when nothing answers.
    expect(await check()).toBe(1);
    running = undefined;
  });
});

/** The image's own check, asking the port of the test. */
function healthcheck(port: number): Promise<number | null> {
  const words = image.healthcheck!.slice(1).map((word) => word.replace(':9877/', `:${port}/`));
  return new Promise((resolve) => {
    spawn(process.execPath, words, { stdio: 'ignore' }).on('exit', (code) => resolve(code));
  });
}
