/** Owns the proof that Prometheus, Alertmanager and a Telegram bot are judged by what their APIs answer. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../harness/exporter.js';
import { freePort } from '../harness/ports.js';
import { endProcess, signalProcess, startProgram } from '../harness/processes.js';
import { startPrometheus } from '../harness/prometheus.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { ask, probeOf, said, writeSecret } from './asking.js';
import { startHttp } from './servers.js';

const directory = scratchDirectory('probes');
afterAll(() => removeScratch(directory));

/** What the server answers, by path; `undefined` is 404. */
async function answering(pages: Readonly<Record<string, string>>): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = [];
  const server = await startHttp((request, response) => {
    const path = (request.url ?? '').split('?')[0]!;
    seen.push(path);
    const text = pages[path];
    response.writeHead(text === undefined ? 404 : 200).end(text);
  });
  onTestFinished(() => server.stop());
  return { port: server.port, seen };
}

describe('Prometheus', () => {
  const keys = (url: string) => `kind: prometheus, url: "${url}", timeout: 3s`;

  it('the real one answers a query, hangs when it is frozen, and is refused when it is gone', async () => {
    const prometheus = await startPrometheus({ target: '127.0.0.1:1' });
    onTestFinished(() => prometheus.stop());
    const probe = probeOf(keys(prometheus.url));
    const answers = () =>
      eventually(
        () => ask(probe),
        ({ success }) => success,
      );
    await answers();
    prometheus.freeze();
    // A stop reaches the last thread a moment later than the signal was sent.
    await eventually(
      () => ask(probe),
      (outcome) => said(outcome).includes('timeout: '),
    );
    prometheus.thaw();
    await answers();
    await prometheus.stop();
    expect(said(await ask(probe))).toContain('refused: ');
  });

  it.each([
    [{}, 'status: http://127.0.0.1:PORT answered 404 to /-/ready.'],
    [{ '/-/ready': 'ok' }, 'status: http://127.0.0.1:PORT answered 404 to /api/v1/query.'],
    [
      { '/-/ready': 'ok', '/api/v1/query': '<html>canary' },
      'protocol: http://127.0.0.1:PORT answered no JSON object',
    ],
    [{ '/-/ready': 'ok', '/api/v1/query': '{"status":"error","error":"canary"}' }, 'body: '],
    [
      { '/-/ready': 'ok', '/api/v1/query': '{"status":"success","data":{"result":[{"value":[1,"2"]}]}}' },
      'body: http://127.0.0.1:PORT did not answer the query vector(1) with 1.',
    ],
  ])('%j', async (pages, expected) => {
    const { port } = await answering(pages as Record<string, string>);
    const outcome = said(await ask(probeOf(keys(`http://127.0.0.1:${port}`))));
    expect(outcome).toContain(expected.replace('PORT', String(port)));
    expect(outcome).not.toContain('canary');
  });

  it('below a path', async () => {
    const { port, seen } = await answering({});
    await ask(probeOf(keys(`http://127.0.0.1:${port}/prometheus/`)));
    expect(seen).toEqual(['/prometheus/-/ready']);
  });
});

describe('Alertmanager', () => {
  it('the real one answers with all of its configuration, hangs when frozen, and is refused when it is gone', async () => {
    // Its status repeats the configuration, which here is larger than what is read of a page.
    const others = Array.from({ length: 2_000 }, (_, i) => `, { name: ${'receiver'.repeat(8)}${i} }`);
    writeFileSync(
      join(directory, 'alertmanager.yml'),
      `route: { receiver: none }\nreceivers: [{ name: none }${others.join('')}]\n`,
    );
    mkdirSync(join(directory, 'alerts'), { recursive: true });
    const port = await freePort();
    const child = startProgram({
      command: 'prometheus-alertmanager',
      args: [
        `--config.file=${join(directory, 'alertmanager.yml')}`,
        `--storage.path=${join(directory, 'alerts')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--cluster.listen-address=',
      ],
      deathSignal: 'KILL',
    });
    for (const stream of [child.stdout, child.stderr]) stream?.resume();
    onTestFinished(() => endProcess(child, ['SIGKILL'], 2_000));
    const probe = probeOf(`kind: alertmanager, url: "http://127.0.0.1:${port}", timeout: 2s`);
    await eventually(
      () => ask(probe),
      ({ success }) => success,
    );
    signalProcess(child.pid!, 'SIGSTOP');
    // A stop reaches the last thread a moment later than the signal was sent.
    await eventually(
      () => ask(probe),
      (outcome) => said(outcome).includes('timeout: '),
    );
    signalProcess(child.pid!, 'SIGCONT');
    await eventually(
      () => ask(probe),
      ({ success }) => success,
    );
    await endProcess(child, ['SIGKILL'], 2_000);
    expect(said(await ask(probe))).toContain('refused: ');
  });

  it('that never comes to an end is told from one that answers nonsense', async () => {
    const endless = `{"cluster":{"status":"ready"},"config":{"original":"${'x'.repeat(5 * 1024 ** 2)}"}}`;
    const { port } = await answering({ '/-/ready': 'ok', '/api/v2/status': endless });
    expect(said(await ask(probeOf(`kind: alertmanager, url: "http://127.0.0.1:${port}"`)))).toBe(
      `body: http://127.0.0.1:${port} answered more than 4 MiB to /api/v2/status, and no more is read. Check that the address belongs to the kind of the probe.`,
    );
  });

  it('that is something else', async () => {
    const { port } = await answering({ '/-/ready': 'ok', '/api/v2/status': '{}' });
    expect(said(await ask(probeOf(`kind: alertmanager, url: "http://127.0.0.1:${port}"`)))).toContain(
      'body: ',
    );
  });
});

describe('a Telegram bot', () => {
  const TOKEN = '123456:canary_AAF-token';
  const me = '{"ok":true,"result":{"id":123456,"is_bot":true,"first_name":"x"}}';

  async function askBot(token: string, serve: Parameters<typeof startHttp>[0]): Promise<string> {
    const server = await startHttp(serve);
    onTestFinished(() => server.stop());
    writeSecret(directory, 'bot', token);
    const keys = `kind: telegram, url: "http://127.0.0.1:${server.port}", token_file: bot, timeout: 1s`;
    const outcome = await ask(probeOf(keys, { directory }));
    expect(JSON.stringify(outcome)).not.toMatch(/canary/);
    return said(outcome);
  }

  it('is asked by its token', async () => {
    const seen: unknown[] = [];
    const outcome = await askBot(TOKEN, (request, response) => {
      seen.push(request.url);
      response.end(me);
    });
    expect(outcome).toBe('ok');
    expect(seen).toEqual([`/bot${TOKEN}/getMe`]);
  });

  it.each([
    [401, '{"ok":false,"error_code":401,"description":"Unauthorized canary"}', 'auth: '],
    [404, '{"ok":false,"error_code":404,"description":"Not Found"}', 'auth: '],
    [429, '{"ok":false,"parameters":{"retry_after":5}}', 'status: '],
    [502, '<html>canary</html>', 'status: '],
    [200, '<html>canary</html>', 'protocol: '],
    [200, '{"ok":false}', 'body: '],
    [200, '{"ok":true,"result":{"is_bot":false}}', 'body: '],
  ])('%i %s', async (status, body, expected) => {
    expect(await askBot(TOKEN, (_, response) => response.writeHead(status).end(body))).toContain(expected);
  });

  it.each([
    ['resets', (socket: { resetAndDestroy(): unknown }) => socket.resetAndDestroy(), 'unavailable: '],
  ] as const)('a line that %s shows no token', async (_what, cut, expected) => {
    expect(await askBot(TOKEN, (request) => void cut(request.socket))).toContain(expected);
  });

  it('without a token in its file is not asked', async () => {
    let asked = 0;
    const outcome = await askBot('canary, not a token /../', (_, response) => {
      asked += 1;
      response.end(me);
    });
    expect(outcome).toContain('the file of token_file holds no bot token');
    expect(asked).toBe(0);
  });
});
