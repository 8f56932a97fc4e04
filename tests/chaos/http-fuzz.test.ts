/** Proves that no request makes a running exporter answer with a failure of its own, or end. `npm run chaos` asks 100,000 times. */
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { startAlertmanagerOn } from '../harness/alertmanager.js';
import { eventually, runCli, startExporterProcess, writeConfig } from '../harness/exporter.js';
import { freshDatabase } from '../harness/fresh-database.js';
import { freePort } from '../harness/ports.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { startFakeTelegram } from '../harness/telegram.js';
import { past } from '../operations/made-up-past.js';
import { startPastPrometheus } from '../operations/past-prometheus.js';

const LONG = process.env.FLOWGAUGE_CHAOS === 'long';
const SEED = Number(process.env.FLOWGAUGE_CHAOS_SEED ?? 20_260_102);
const REQUESTS = LONG ? 100_000 : 1_500;
const LANES = 8;
const TOKEN = 'fuzzAdminToken0123456789';

interface Ask {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

interface Described {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly example?: string }[];
}

type Paths = Readonly<Record<string, Readonly<Record<string, Described>>>>;

const word = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.integer().map(String),
  fc.double().map(String),
  fc.constantFrom(
    'tokens',
    '__proto__',
    '..',
    '%2e%2e',
    '1e9',
    '-1',
    '',
    "';--",
    '\u0000',
    '{"a":1}',
    '+',
    '0x10',
  ),
);
const json = fc.oneof(
  fc.json(),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.record({ reason: word, name: word, ids: fc.array(fc.anything()), since: word }).map((one) => text(one)),
  fc.record({ matchers: fc.dictionary(word, word), reason: word }).map((one) => text(one)),
);

function text(value: unknown): string {
  return JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? String(one) : one)) ?? '';
}

/** A request near to one that is described: its path and parameters with any values, or a path of its own. */
function asks(paths: Paths): fc.Arbitrary<Ask> {
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [] }]) => ({ path, method, parameters })),
  );
  const values = fc.record({ one: fc.constantFrom(...described), word, value: word, extra: word, json });
  return values.chain(({ one, word: part, value, extra, json: body }) => {
    const filled = one.path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(part) || 'x');
    const query = one.parameters
      .filter((each) => each.in === 'query')
      .map(({ name }) => `${name}=${encodeURIComponent(value)}`);
    const near = query.length === 0 ? filled : `${filled}?${query.join('&')}`;
    const wild = `/${encodeURI(extra)}`;
    const method = one.method.toUpperCase();
    return fc.record({
      method: fc.oneof(
        { weight: 9, arbitrary: fc.constant(method) },
        fc.constantFrom('HEAD', 'PUT', 'OPTIONS', 'QUERY'),
      ),
      path: fc.oneof(
        { weight: 9, arbitrary: fc.constant(near) },
        fc.constant(`${near}${wild}`),
        fc.constant(wild),
      ),
      headers: fc.record(
        {
          authorization: fc.oneof(
            { weight: 9, arbitrary: fc.constant(`Bearer ${TOKEN}`) },
            fc.constantFrom('Bearer', 'Basic ====', 'Basic Og=='),
          ),
          accept: fc.constantFrom(
            'application/openmetrics-text;version=1.0.0',
            'text/html;q=x',
            '*/*',
            ';;;q=9',
          ),
          'content-type': fc.constantFrom(
            'application/json',
            'text/plain',
            'application/json; charset=utf-16',
          ),
          'idempotency-key': fc.constantFrom('key-00000001', 'short', 'x'.repeat(300)),
          'accept-encoding': fc.constantFrom('gzip', 'gzip;q=0', 'br, *;q=1', ',,,'),
        },
        { requiredKeys: ['authorization', 'content-type'] },
      ),
      body: fc.constant(method === 'POST' ? body : undefined),
    });
  });
}

test(
  `${REQUESTS} requests of any kind (seed ${SEED}) are answered, and none with a failure`,
  async () => {
    const exporter = await wholeExporter();
    const head = { authorization: `Bearer ${TOKEN}` };
    const answer = await fetch(`${exporter.url}/openapi.json`, { headers: head });
    const { paths } = (await answer.json()) as { paths: Paths };
    const agent = new Agent({ keepAlive: true, maxSockets: LANES });
    onTestFinished(() => agent.destroy());
    const statuses = new Map<number, number>();
    const failures: string[] = [];
    const generated = fc.sample(asks(paths), { numRuns: REQUESTS, seed: SEED });
    let next = 0;
    const lane = async () => {
      while (next < generated.length) {
        const one = generated[next++]!;
        const { status, body } = await send(exporter.url, agent, one);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status >= 500)
          failures.push(`${one.method} ${one.path} ${one.body ?? ''}: ${status} ${body}`.slice(0, 500));
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    console.log(JSON.stringify({ requests: REQUESTS, seed: SEED, statuses: Object.fromEntries(statuses) }));
    expect(failures.slice(0, 10)).toEqual([]);
    // Most of it has to come past the door, or nothing was tried.
    expect(statuses.get(200)).toBeGreaterThan(REQUESTS / 20);
    expect(statuses.get(400)).toBeGreaterThan(REQUESTS / 20);
    const ready = await fetch(`${exporter.url}/-/ready`);
    expect([ready.status, exporter.child.exitCode]).toEqual([200, null]);
    expect(exporter.output()).not.toMatch(/request failed|uncaught|unhandled/i);
  },
  LONG ? 3_600_000 : 180_000,
);

/** Everything is there that a route could ask for, so that a 503 is a failure too. */
async function wholeExporter() {
  const folder = scratchDirectory('fuzz');
  onTestFinished(() => removeScratch(folder));
  const database = await freshDatabase();
  onTestFinished(() => database.drop());
  const telegram = await startFakeTelegram();
  onTestFinished(() => telegram.close());
  const alertmanager = await startAlertmanagerOn('route: { receiver: none }\nreceivers: [{ name: none }]\n');
  onTestFinished(() => alertmanager.stop());
  await database.sql`create table tokens (id bigint primary key, status text not null)`;
  writeFileSync(join(folder, 'bot'), telegram.token, { mode: 0o600 });
  writeFileSync(join(folder, 'admin'), TOKEN, { mode: 0o600 });
  writeFileSync(
    join(folder, 'web.yml'),
    'flowgauge: { tokens: { fuzz: { file: admin, roles: [admin] } } }\n',
  );
  const [port, prometheusPort] = [await freePort(), await freePort()];
  const target = `127.0.0.1:${port}`;
  // With a past, because a Prometheus that has just been born rightly gives a 503 where history is asked for.
  const ending = Math.floor(Date.now() / 60_000) * 60 - 120;
  const prometheus = await startPastPrometheus(prometheusPort, target, past(ending), TOKEN);
  onTestFinished(() => prometheus.stop());
  const config = writeConfig(
    folder,
    `web: { listen_address: '${target}', config_file: web.yml, enable_admin_api: true }
source: { url: '${database.url}' }
alertmanager: { url: '${alertmanager.url}' }
prometheus: { url: 'http://127.0.0.1:${prometheusPort}' }
notifications:
  telegram: { token_file: bot, api_url: '${telegram.url}', chats: { oncall: '-100123' } }
flows:
  tokens: { table: public.tokens, key: id, status: status, statuses: [new, active], limits: { new: { warning: 1h } } }
`,
  );
  const installed = runCli(['install', '--apply', `--config.file=${config}`]);
  if ((await installed.exit) !== 0) throw new Error(installed.output());
  const exporter = await startExporterProcess(config);
  onTestFinished(() => exporter.kill());
  await eventually(
    () => fetch(`${exporter.url}/-/ready`),
    ({ status }) => status === 200,
  );
  await eventually(
    () => prometheus.value(`flowgauge_start_time_seconds{instance="${target}"}`, Date.now() / 1000),
    (value) => value !== undefined,
  );
  return exporter;
}

function send(url: string, agent: Agent, { method, path, headers, body }: Ask) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const { hostname, port } = new URL(url);
    // Node frames no body of an OPTIONS by itself: its bytes would be the next request.
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const sent = request(
      { hostname, port, agent, method, path, headers: { ...headers, ...length } },
      (answer) => {
        let read = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          read += read.length < 500 ? chunk : '';
        });
        answer.on('error', reject);
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: read }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
