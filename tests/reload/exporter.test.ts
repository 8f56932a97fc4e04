/** Proves reading the configuration again on a real exporter: what changes is in force, what is broken or waits for a restart is told. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { limitsByMemory } from '../../src/config/limits-by-memory.js';
import { type ExporterProcess, eventually, samplesOf, startExporterProcess } from '../harness/exporter.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

const folder = scratchDirectory('reload');
const ADMIN = 'canaryAdminToken0123456789';
const WEB = 'flowgauge: { tokens: { chief: { file: admin, roles: [admin] } } }\n';
let database: FreshDatabase;
let exporter: ExporterProcess;

const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
/** The file of the start with this added; the databases can be overridden because YAML takes no key twice. */
const configure = (more: string, source = database.url) =>
  write(
    'flowgauge.yml',
    `web: { listen_address: '127.0.0.1:0', config_file: web.yml, enable_admin_api: true }\nresources: { interval: 1s }\nsource: { url: '${source}' }\n${more}`,
  );

beforeAll(async () => {
  database = await freshDatabase();
  write('admin', ADMIN);
  write('web.yml', WEB);
  configure('');
  exporter = await startExporterProcess(join(folder, 'flowgauge.yml'));
  await eventually(
    () => ask('/-/ready'),
    ({ status }) => status === 200,
  );
});
beforeEach(async () => {
  write('web.yml', WEB);
  configure('');
  expect(await reload()).toMatchObject({ restart_required: [] });
  expect(await isGood()).toBe(1);
});
afterAll(async () => {
  await exporter?.kill();
  await database?.drop();
  removeScratch(folder);
});

const seen: string[] = [];
async function ask(path: string, body?: unknown): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${exporter.url}${path}`, {
    headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(15_000),
  });
  const text = await answer.text();
  seen.push(text);
  return { status: answer.status, text };
}

async function reload(): Promise<unknown> {
  const { status, text } = await ask('/-/reload', { reason: 'test' });
  expect(status).toBe(200);
  return JSON.parse(text);
}

async function metric(name: string, labels = ''): Promise<number | undefined> {
  return samplesOf((await ask('/metrics')).text, name).get(labels);
}

const limit = (threshold: string, severity = 'warning') =>
  metric('flowgauge_threshold', `threshold="${threshold}",severity="${severity}"`);
const isGood = () => metric('flowgauge_config_last_reload_successful');
const restartRequired = () => metric('flowgauge_config_restart_required');

it('limits of memory follow from the machine as it is measured', async () => {
  await eventually(
    () => limit('memory_used_bytes'),
    (value) => value !== undefined,
  );
  const total = (await metric('system_memory_total_bytes'))!;
  expect([await limit('memory_used_bytes'), await limit('memory_used_bytes', 'critical')]).toEqual(
    Object.values(limitsByMemory(total)),
  );
  expect(exporter.output()).toContain(`"memory_total_bytes":${total}`);
});

it('a good change is in force after the signal, and after the call', async () => {
  configure('thresholds: { memory_used_bytes: { warning: 1_000_000, critical: off } }\n');
  exporter.child.kill('SIGHUP');
  await eventually(
    () => limit('memory_used_bytes'),
    (value) => value === 1e6,
  );
  expect(await limit('memory_used_bytes', 'critical')).toBeUndefined();
  // What asks for the limit now must not have kept the one of the start.
  const resources = JSON.parse((await ask('/health/resources')).text);
  expect(resources.alerts).toContainEqual(
    expect.objectContaining({ threshold: 'memory_used_bytes', severity: 'warning', limit: 1e6 }),
  );

  configure('thresholds: { minimum_events: 33 }\nhealth: { weights: { memory: 0, cpu: 0, load: 1 } }\n');
  expect(await reload()).toEqual({
    outcome: 'taken',
    message: null,
    applied: ['health.weights', 'thresholds'],
    restart_required: [],
  });
  expect(await limit('minimum_events', 'none')).toBe(33);
  expect(await limit('memory_used_bytes', 'critical')).toBeGreaterThan(1e9);
  // Nothing has a limit here: with all weight on the load no score is left.
  await eventually(
    () => metric('health_score'),
    (value) => value === undefined,
  );
  expect(await reload()).toEqual({ outcome: 'unchanged', message: null, applied: [], restart_required: [] });
  expect([await isGood(), await restartRequired()]).toEqual([1, 0]);
});

it('another level of the log holds from the next line on', async () => {
  const says = () => exporter.output().includes('the configuration was refused');
  configure('log: { level: fatal }\n');
  expect(await reload()).toMatchObject({ applied: ['log.level'] });
  configure('nonsense: 1\n');
  expect(await reload()).toMatchObject({ outcome: 'refused' });
  expect(says()).toBe(false);
  configure('log: { level: error }\n');
  expect(await reload()).toMatchObject({ applied: ['log.level'] });
  configure('nonsense: 1\n');
  expect(await reload()).toMatchObject({ outcome: 'refused' });
  await eventually(async () => says(), Boolean);
});

it('a broken file is refused as a whole, by the signal and by the call, and nothing of it is in force', async () => {
  configure('thresholds: { minimum_events: 33 }\n');
  await reload();
  configure(
    'thresholds: { minimum_events: 44, cpu_utilization_ratio: { warning: 80 } }\nlog: { level: loud }\n',
  );
  const refused = (await reload()) as { outcome: string; message: string };
  expect(refused.outcome).toBe('refused');
  expect(refused.message).toMatch(
    /log\.level .*flowgauge\.yml:5\): "loud" is not one of.*\n.*flowgauge\.yml:4\): 80 is above 1/,
  );
  expect(refused).toMatchObject({ applied: [], restart_required: [] });
  expect([await limit('minimum_events', 'none'), await isGood()]).toEqual([33, 0]);

  configure('thresholds: { minimum_events: 33 }\n');
  await reload();
  expect(await isGood()).toBe(1);
  configure('thresholds: { minimum_events: [\n');
  exporter.child.kill('SIGHUP');
  await eventually(isGood, (value) => value === 0);
  expect(await limit('minimum_events', 'none')).toBe(33);
  configure('thresholds: { minimum_events: 34 }\n');
  exporter.child.kill('SIGHUP');
  await eventually(isGood, (value) => value === 1);
  expect(await limit('minimum_events', 'none')).toBe(34);
});

it('neither file is taken unless both are good', async () => {
  configure('thresholds: { minimum_events: 55 }\n');
  write('web.yml', `${WEB}nonsense: 1\n`);
  expect(await reload()).toMatchObject({ outcome: 'refused', message: expect.stringContaining('nonsense') });
  expect([await limit('minimum_events', 'none'), await isGood()]).toEqual([10, 0]);
  write('web.yml', `${WEB}http_server_config: { headers: { X-Frame-Options: deny } }\n`);
  // Looked at by itself, and then good: the main file was never in question.
  await eventually(isGood, (value) => value === 1);
  expect(await limit('minimum_events', 'none')).toBe(10);
  expect(await reload()).toMatchObject({ outcome: 'taken', applied: ['thresholds'] });
  expect(await limit('minimum_events', 'none')).toBe(55);
});

it('what needs a restart is named, shown until it is put back, and not in force', async () => {
  configure(
    'thresholds: { minimum_events: 56 }\nlimits: { series_per_metric: 500 }\nmaintenance: { matchers: { job: other } }\n',
  );
  expect(await reload()).toEqual({
    outcome: 'taken',
    message: null,
    applied: ['thresholds'],
    restart_required: ['limits', 'maintenance'],
  });
  expect([await limit('minimum_events', 'none'), await restartRequired(), await isGood()]).toEqual([
    56, 1, 1,
  ]);
  // A broken file does not make it forget what the one before said.
  configure('nonsense: 1\n');
  expect(await reload()).toMatchObject({ outcome: 'refused', restart_required: ['limits', 'maintenance'] });
  expect(await restartRequired()).toBe(1);
  configure('thresholds: { minimum_events: 56 }\n');
  expect(await reload()).toMatchObject({ outcome: 'unchanged', restart_required: [] });
  expect([await restartRequired(), await isGood()]).toEqual([0, 1]);
});

it('no swap of files, good or broken, costs a request', async () => {
  let isOver = false;
  const failures: string[] = [];
  const asking = (async () => {
    while (!isOver) {
      const { status } = await ask('/metrics').catch(() => ({ status: 0 }));
      if (status !== 200) failures.push(String(status));
    }
  })();
  for (let swap = 0; swap < 50; swap += 1) {
    configure(
      swap % 2 === 0 ? 'thresholds: { minimum_events: few }\n' : `thresholds: { minimum_events: ${swap} }\n`,
    );
    expect(await reload()).toMatchObject({ outcome: swap % 2 === 0 ? 'refused' : 'taken' });
  }
  isOver = true;
  await asking;
  expect(failures).toEqual([]);
  expect([await limit('minimum_events', 'none'), await isGood()]).toEqual([49, 1]);
});

it('secrets of a broken file are in no answer and in no line of the log', async () => {
  const CANARY = 'canary8f3a';
  const broken = [
    `probes: { shop: { kind: http, url: 'http://u:${CANARY}@nowhere.example/?key=${CANARY}', nonsense: ${CANARY} } }\n`,
    `notifications: { telegram: { token_file: '1234567890:${CANARY}-abcdefghijklmnopqrstuvw', chats: { ops: -1 } } }\n`,
    `store: { url: 'postgres://a:${CANARY}@127.0.0.1:none/x', password: ${CANARY} }\n`,
    `store: { url: postgres://a:${CANARY}@127.0.0.1/x, ssl: true\n`,
    `alertmanager: { url: 'http://a:${CANARY}@127.0.0.1' }\n`,
    `thresholds: { minimum_events: 'postgres://a:${CANARY}@b/c' }\n`,
  ];
  for (const more of broken) {
    configure(more);
    expect(await reload()).toMatchObject({ outcome: 'refused' });
    exporter.child.kill('SIGHUP');
  }
  // Good, but for another database than the one in force: its password is told by nobody either.
  configure('', `postgres://someone:${CANARY}@127.0.0.1/elsewhere`);
  expect(await reload()).toMatchObject({ restart_required: ['source'] });
  configure('');
  expect(await reload()).toMatchObject({ outcome: 'unchanged', restart_required: [] });
  await ask('/metrics');
  expect(exporter.output()).toContain('the configuration was refused');
  const leaks = [...seen, ...exporter.output().split('\n')].filter((text) => text.includes(CANARY));
  expect(leaks.map((text) => text.slice(0, 500))).toEqual([]);
});

it('a file that is gone is refused, not taken for one that says nothing', async () => {
  configure('thresholds: { minimum_events: 77 }\n');
  await reload();
  removeScratch(join(folder, 'flowgauge.yml'));
  expect(await reload()).toMatchObject({
    outcome: 'refused',
    message: expect.stringContaining('flowgauge.yml): does not exist'),
  });
  expect(await limit('minimum_events', 'none')).toBe(77);
});
