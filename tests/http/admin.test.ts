/** Proves administration on a real exporter: TLS, a record of every call, one effect per key, and a broken file that opens nothing. */
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { eventually, runCli, samplesOf } from '../harness/exporter.js';
import { freshDatabase } from '../harness/fresh-database.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

const folder = scratchDirectory('admin');
afterAll(() => removeScratch(folder));

const ADMIN = 'canaryAdminToken0123456789';
const READER = 'canaryReadToken01234567890';

const WEB = `tls_server_config: { cert_file: tls.crt, key_file: tls.key }
http_server_config: { headers: { X-Frame-Options: deny } }
flowgauge:
  tokens:
    chief: { file: admin, roles: [admin] }
    people: { file: read, roles: [read] }
`;

it('does nothing that is not written down, and each thing once', async () => {
  const database = await freshDatabase();
  onTestFinished(() => database.drop());
  writeFileSync(join(folder, 'admin'), ADMIN, { mode: 0o600 });
  writeFileSync(join(folder, 'read'), READER, { mode: 0o600 });
  writeFileSync(join(folder, 'web.yml'), WEB);
  const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout ${folder}/tls.key -out ${folder}/tls.crt`;
  execFileSync('openssl', args.split(' '), { stdio: 'ignore' });
  chmodSync(join(folder, 'tls.key'), 0o600);
  const config = join(folder, 'flowgauge.yml');
  writeFileSync(
    config,
    `web: { listen_address: "127.0.0.1:0", config_file: web.yml, enable_admin_api: true }\nsource: { url: "${database.url}" }\n`,
    { mode: 0o600 },
  );
  const run = runCli(['serve', `--config.file=${config}`]);
  onTestFinished(async () => {
    run.child.kill('SIGKILL');
    await run.exit;
  });
  const url = await eventually(
    async () => /"url":"(https:[^"]+)"/.exec(run.output())?.[1] ?? run.output(),
    (text) => text.startsWith('https:'),
  );
  const ca = readFileSync(join(folder, 'tls.crt'));
  const ask = (path: string, token?: string, body?: unknown, key?: string) =>
    new Promise<{ status: number; text: string; headers: NodeJS.Dict<string | string[]> }>(
      (resolve, reject) => {
        const headers = {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(key === undefined ? {} : { 'idempotency-key': key }),
        };
        const method = body === undefined ? 'GET' : 'POST';
        const sent = request(`${url}${path}`, { method, headers, ca, agent: false }, (res) => {
          let text = '';
          res.setEncoding('utf8');
          res.on('data', (chunk) => {
            text += chunk;
          });
          res.on('end', () => resolve({ status: res.statusCode ?? 0, text, headers: res.headers }));
        });
        sent.on('error', reject);
        sent.end(body === undefined ? undefined : JSON.stringify(body));
      },
    );
  await eventually(
    () => ask('/-/ready'),
    ({ status }) => status === 200,
  );

  const open = await ask('/-/healthy');
  expect([open.status, open.headers['x-frame-options']]).toEqual([200, 'deny']);
  expect((await ask('/metrics')).status).toBe(401);
  expect((await ask('/-/reload', READER, { reason: 'try' })).status).toBe(403);
  expect((await ask('/-/reload', ADMIN, {})).status).toBe(400);

  const reset = { reason: 'Telegram is back' };
  const same = await Promise.all(
    Array.from({ length: 20 }, () => ask('/admin/circuit-breaker/reset', ADMIN, reset, 'key-0001')),
  );
  expect(new Set(same.map(({ status }) => status)).has(200)).toBe(true);
  for (const { status } of same) expect([200, 409]).toContain(status);
  const again = await ask('/admin/circuit-breaker/reset', ADMIN, reset, 'key-0001');
  expect([again.status, again.headers['idempotency-replayed']]).toEqual([200, 'true']);
  const other = await ask('/admin/circuit-breaker/reset', ADMIN, { reason: 'other' }, 'key-0001');
  expect([other.status, JSON.parse(other.text).code]).toEqual([409, 'IDEMPOTENCY_REUSED']);

  writeFileSync(join(folder, 'web.yml'), `${WEB}nonsense: 1\n`);
  const broken = await ask('/-/reload', ADMIN, { reason: 'broken on purpose' });
  expect([broken.status, JSON.parse(broken.text).outcome]).toEqual([200, 'refused']);
  const scraped = (await ask('/metrics', READER)).text;
  expect(samplesOf(scraped, 'flowgauge_config_last_reload_successful').get('')).toBe(0);
  expect(samplesOf(scraped, 'flowgauge_access_refused_total').get('reason="role"')).toBe(1);
  expect((await ask('/metrics')).status).toBe(401);
  // The file is looked at every few seconds anyway. What came while nobody looked came by the signal; a look that came
  // in between proves nothing, so it is tried again, with the role taken away and given back in turn.
  const looks = async () =>
    samplesOf((await ask('/metrics', ADMIN)).text, 'job_runs_total').get(
      'job_name="web_config",outcome="success"',
    );
  let isBySignal = false;
  for (let round = 0; round < 5 && !isBySignal; round += 1) {
    const [role, status] = round % 2 === 0 ? ['[scrape]', 403] : ['[read]', 200];
    const before = await looks();
    writeFileSync(join(folder, 'web.yml'), WEB.replace('[read]', role));
    run.child.kill('SIGHUP');
    await eventually(
      () => ask('/api/flows', READER),
      (answer) => answer.status === status,
    );
    isBySignal = before !== undefined && before === (await looks());
  }
  expect(isBySignal).toBe(true);

  const lines = await eventually(
    () => database.sql`select caller, route, phase, reason from flowgauge.admin_audit order by id`,
    (rows) => rows.length >= 5,
  );
  expect(lines.map((row) => `${row.caller} ${row.route} ${row.phase} ${row.reason}`)).toEqual([
    'people /-/reload denied null',
    'chief /admin/circuit-breaker/reset begun Telegram is back',
    'chief /admin/circuit-breaker/reset done Telegram is back',
    'chief /-/reload begun broken on purpose',
    'chief /-/reload done broken on purpose',
  ]);
  await expect(database.sql`update flowgauge.admin_audit set reason = 'none'`).rejects.toThrow('only grows');
  await expect(database.sql`delete from flowgauge.admin_audit`).rejects.toThrow('only grows');
  const everything = [run.output(), scraped, broken.text, JSON.stringify(lines)].join('\n');
  for (const canary of ['canaryAdmin', 'canaryRead', 'PRIVATE KEY']) expect(everything).not.toContain(canary);
  run.child.kill('SIGTERM');
  expect(await run.exit).toBe(0);
});
