/** Checks what systemd hears of an exporter: ready when it is, alive while its jobs make progress, stopping. */
import { expect, onTestFinished, type TestOptions, test } from 'vitest';
import { createSupervisor, type Supervisor } from '../src/resilience/supervisor.js';
import { hungJobs, ServiceManagerLink } from '../src/service-manager.js';
import { eventually, startExporterProcess, writeConfig } from './harness/exporter.js';
import { freshDatabase } from './harness/fresh-database.js';
import { hasSystemdNotify, type NotifySocket, startNotifySocket } from './harness/notify-socket.js';
import { removeScratch, scratchDirectory } from './harness/scratch.js';

const here = (name: string, ...rest: [TestOptions, () => Promise<void>] | [() => Promise<void>]) => {
  const [options, run] = rest.length === 2 ? rest : [{}, rest[0]];
  test.skipIf(!hasSystemdNotify)(`${name} (skipped where systemd-notify is not installed)`, options, run);
};

async function listen(): Promise<NotifySocket> {
  const socket = await startNotifySocket();
  onTestFinished(() => socket.stop());
  return socket;
}

function supervised(): Supervisor {
  const supervisor = createSupervisor();
  onTestFinished(async () => void (await supervisor.stopAll()));
  return supervisor;
}

const ready = { ready: true, reasons: [] };
const count = (socket: NotifySocket, word: string) =>
  socket.messages().filter((message) => message.split(' ').includes(word)).length;
const atLeast = (least: number) => (found: number) => found >= least;

here(
  'a real exporter is ready when its flow is counted, gives signs of life, and says that it stops',
  { timeout: 90_000 },
  async () => {
    const socket = await listen();
    const database = await freshDatabase();
    const directory = scratchDirectory('service-manager');
    onTestFinished(async () => {
      removeScratch(directory);
      await database.drop();
    });
    const config = writeConfig(
      directory,
      `web: { listen_address: "127.0.0.1:0" }
source: { url: "${database.url}" }
flows:
  tasks: { table: public.tasks, key: id, status: status, statuses: [new, done], capture: snapshot }
`,
    );
    const exporter = await startExporterProcess(config, {
      NOTIFY_SOCKET: socket.path,
      WATCHDOG_USEC: '1500000',
    });
    onTestFinished(() => exporter.kill());
    const waiting = 'STATUS=not ready: flow tasks is not counted yet';
    await eventually(
      async () => socket.messages(),
      (found) => found.includes(waiting),
    );
    expect((await fetch(`${exporter.url}/-/ready`)).status).toBe(503);
    expect(socket.messages().join('\n')).not.toMatch(/READY=1|WATCHDOG=1/);

    await database.sql`create table tasks (id int primary key, status text)`;
    await eventually(async () => count(socket, 'WATCHDOG=1'), atLeast(4));
    expect((await fetch(`${exporter.url}/-/ready`)).status).toBe(200);
    expect(socket.messages().filter((message) => message.includes('READY=1'))).toEqual([
      'STATUS=ready READY=1 WATCHDOG=1',
    ]);

    expect(await exporter.stop()).toBe(0);
    await eventually(async () => count(socket, 'STOPPING=1'), atLeast(1));
    expect(socket.messages().at(-1)).toBe('STOPPING=1 STATUS=stopping');
  },
);

here('no sign of life comes while a job hangs, and they come again when it has ended', async () => {
  const socket = await listen();
  const supervisor = supervised();
  const said: unknown[] = [];
  const log = { warn: () => {}, error: (_: string, fields?: object) => void said.push(fields) };
  const environment = { NOTIFY_SOCKET: socket.path, PATH: process.env.PATH! };
  const link = new ServiceManagerLink({ environment, keepAliveMs: 100 }, log);
  let finish: () => void = () => {};
  let isHanging = false;
  supervisor.start({
    name: 'reader',
    intervalMs: 10,
    deadlineMs: 50,
    graceMs: 20_000,
    run: () => (isHanging ? new Promise<void>((resolve) => (finish = resolve)) : Promise.resolve()),
  });
  supervisor.start(link.job({ ready: () => ready, jobStates: () => supervisor.states() }));
  await eventually(async () => count(socket, 'WATCHDOG=1'), atLeast(2));

  isHanging = true;
  await eventually(async () => said.length, atLeast(1));
  const before = count(socket, 'WATCHDOG=1');
  await eventually(async () => said.length, atLeast(4));
  expect(count(socket, 'WATCHDOG=1')).toBe(before);
  expect(said[0]).toEqual({ jobs: ['reader'] });

  isHanging = false;
  finish();
  await eventually(async () => count(socket, 'WATCHDOG=1'), atLeast(before + 2));
});

here('one that waits for its database is up after two minutes, and says what it waits for', async () => {
  const socket = await listen();
  const supervisor = supervised();
  let nowMs = 0;
  const environment = { NOTIFY_SOCKET: socket.path, PATH: process.env.PATH! };
  const log = { warn() {}, error() {} };
  const link = new ServiceManagerLink({ environment, keepAliveMs: 100 }, log, () => nowMs);
  let looks = 0;
  const waiting = () => {
    looks += 1;
    return { ready: false, reasons: ['the store does not answer'] };
  };
  supervisor.start(link.job({ ready: waiting, jobStates: () => supervisor.states() }));
  nowMs = 119_000;
  await eventually(async () => looks, atLeast(3));
  expect(socket.messages()).toEqual(['STATUS=not ready: the store does not answer']);
  nowMs = 120_000;
  await eventually(async () => count(socket, 'WATCHDOG=1'), atLeast(2));
  expect(socket.messages()[1]).toBe('READY=1 WATCHDOG=1');
});

test('hanging are the jobs that are stuck or rest because they hung; late ones make progress', () => {
  const states = [
    ['a', 'idle'],
    ['b', 'running'],
    ['c', 'late'],
    ['d', 'stuck'],
    ['e', 'crash_looping'],
    ['f', 'stopped'],
  ] as const;
  expect(hungJobs(new Map(states))).toEqual(['d', 'e']);
});

test('without systemd-notify the work goes on, and the log says so once', async () => {
  const supervisor = supervised();
  const warnings: string[] = [];
  const log = { warn: (message: string) => void warnings.push(message), error: () => {} };
  const environment = { NOTIFY_SOCKET: '/nowhere', PATH: '/nowhere' };
  const link = new ServiceManagerLink({ environment, keepAliveMs: 20 }, log);
  let looks = 0;
  supervisor.start(
    link.job({
      ready: () => {
        looks += 1;
        return ready;
      },
      jobStates: () => supervisor.states(),
    }),
  );
  await eventually(async () => looks, atLeast(5));
  link.stopping();
  expect(warnings).toEqual(['systemd-notify is not installed: systemd hears nothing of this service']);
});

here(
  'a socket that nobody listens on is a failure of the job, with the words of systemd-notify',
  async () => {
    const events: { kind: string; error?: unknown }[] = [];
    const supervisor = createSupervisor({ on: (event) => events.push(event) });
    onTestFinished(async () => void (await supervisor.stopAll()));
    const environment = { NOTIFY_SOCKET: '/nowhere/socket', PATH: process.env.PATH! };
    const link = new ServiceManagerLink({ environment, keepAliveMs: 100 }, { warn() {}, error() {} });
    supervisor.start(link.job({ ready: () => ready, jobStates: () => supervisor.states() }));
    const [failed] = await eventually(
      async () => events.filter(({ kind }) => kind === 'failed'),
      (found) => found.length > 0,
    );
    expect(failed?.error).toMatchObject({ code: 'SYSTEMD_NOTIFY' });
    expect(String(failed?.error)).toMatch(
      /systemd-notify STATUS=ready READY=1 WATCHDOG=1: exit code 1 .*No such file/,
    );
  },
);
