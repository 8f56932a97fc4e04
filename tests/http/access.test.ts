/** Proves who comes in: the matrix of roles and routes, tricks with paths, wrong passwords, and pages of other places. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type GuardedOptions, guardedAccess, newPasswordMemory } from '../../src/access/guarded.js';
import { ownHosts } from '../../src/access/own-hosts.js';
import { passwordCheck } from '../../src/access/password-check.js';
import { type Grant, isEnough } from '../../src/access/role.js';
import { loadWebFile } from '../../src/config/web-file.js';
import { ROUTES } from '../../src/http/route-table.js';
import { maintenanceDeps } from '../maintenance/made-up-maintenance.js';
import { healthDeps } from '../operations/made-up-facts.js';
import { monitoringDeps } from '../operations/made-up-monitoring.js';
import { startFace } from './face.js';

/** All of it that bcrypt looks at. */
const LONGEST = 'x'.repeat(72);
const TOKENS = { scrape: 's', read: 'r', ingest: 'i', admin: 'a' } as const;
const tokenOf = (grant: Grant) => TOKENS[grant].repeat(30);
const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

async function guarded(extra = '', over: Partial<GuardedOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'flowgauge-access-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const grants = Object.keys(TOKENS) as Grant[];
  for (const grant of grants) writeFileSync(join(folder, grant), tokenOf(grant), { mode: 0o600 });
  const tokens = grants.map((grant) => `    ${grant}: { file: ${grant}, roles: [${grant}] }`).join('\n');
  const hash = hashSync('right', 4);
  const text = `basic_auth_users: { ann: '${hash}', bob: '${hash}', cy: '${hashSync(LONGEST, 4)}' }
flowgauge:
  users: { ann: [read], cy: [read] }
  tokens:
${tokens}
${extra}`;
  writeFileSync(join(folder, 'web.yml'), text);
  const passwords = passwordCheck();
  onTestFinished(() => passwords.close());
  const access = guardedAccess({
    file: loadWebFile(join(folder, 'web.yml')),
    passwords,
    openTo: [],
    memory: newPasswordMemory(),
    isIngestToken: undefined,
    nowMs: () => performance.now(),
    ...over,
  });
  const refusals: string[] = [];
  const denied: string[] = [];
  const face = await startFace({
    ...healthDeps(),
    ...monitoringDeps(),
    maintenance: maintenanceDeps(),
    access,
    onRefusal: (reason) => refusals.push(reason),
    admin: {
      perform: async (_call, work) => ({ kind: 'done', answer: work() }),
      seen: async () => true,
      denied: ({ caller, route, refusal }) => denied.push(`${caller} ${route} ${refusal}`),
      resetBreakers: () => [],
      reload: () => ({ kind: 'unchanged', applied: [], restartRequired: [] }),
    },
    alerts: {
      takeIn: async () => ({ stored: 0, repeats: 0 }),
      mayIngest: () => true,
      history: async () => ({
        events: [],
        total: 0,
        mean_time_to_acknowledge_seconds: null,
        mean_time_to_resolve_seconds: null,
      }),
      deadLetters: async () => [],
      redrive: async () => 0,
      logger: { warn() {}, error() {} },
      requestId: () => undefined,
    },
  });
  return { ...face, refusals, denied };
}

const pathOf = (path: string) => path.replace(':flow', 'tokens').replace(':alert', 'FlowStalled');

describe('the matrix', () => {
  it('lets each role do what the table says, and nothing else', async () => {
    const { get } = await guarded();
    const seen: string[] = [];
    const declared: string[] = [];
    for (const route of ROUTES) {
      for (const grant of ['nobody', 'stranger', ...(Object.keys(TOKENS) as Grant[])] as const) {
        const isKnown = grant !== 'nobody' && grant !== 'stranger';
        const headers = grant === 'nobody' ? {} : bearer(isKnown ? tokenOf(grant) : 'x'.repeat(30));
        const answer = await get(pathOf(route.path), { method: route.method, headers });
        const came = answer.status === 401 || answer.status === 403 ? String(answer.status) : 'in';
        const may = isEnough(isKnown ? [grant] : [], route.role);
        seen.push(`${grant} ${route.method} ${route.path}: ${came}`);
        declared.push(`${grant} ${route.method} ${route.path}: ${may ? 'in' : isKnown ? '403' : '401'}`);
      }
    }
    expect(seen).toEqual(declared);
  });

  it.each([
    '//api/flows',
    '/API/flows',
    '/api/flows/',
    '/api/%66lows/../flows',
    '/./metrics',
    '/metrics/',
    '/%2e/metrics',
    '/api//flows',
  ])('%s leads nowhere without credentials', async (path) => {
    const { get } = await guarded();
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
      expect([401, 404, 405]).toContain((await get(path, { method })).status);
    const override = await get('/api/flows', { headers: { 'x-http-method-override': 'POST' } });
    expect(override.status).toBe(401);
  });

  it('writes down who was turned away from administration, by name where there is one', async () => {
    const { get, denied } = await guarded();
    await get('/-/reload', { method: 'POST', headers: bearer(tokenOf('read')) });
    await get('/-/reload', { method: 'POST' });
    await get('/api/flows');
    expect(denied).toEqual(['read /-/reload role', 'anonymous /-/reload missing']);
  });

  it('tells why the exporter is not ready only to those who may read', async () => {
    const { get } = await guarded();
    expect(JSON.parse((await get('/-/ready')).text)).toEqual({ ready: true, reasons: [] });
  });
});

describe('passwords', () => {
  it('open what the user may do, and users without a role nothing', async () => {
    const { get } = await guarded();
    expect((await get('/api/flows', { headers: basic('ann', 'right') })).status).toBe(200);
    expect((await get('/api/flows', { headers: basic('bob', 'right') })).status).toBe(403);
    const wrong = await get('/api/flows', { headers: basic('ann', 'wrong') });
    const unknown = await get('/api/flows', { headers: basic('eve', 'right') });
    expect([wrong.status, unknown.status]).toEqual([401, 401]);
    expect(unknown.text).toBe(wrong.text);
    expect(wrong.headers['www-authenticate']).toBe('Basic realm="flowgauge", charset="UTF-8"');
  });

  it('are whole: what bcrypt would cut off does not open', async () => {
    const { get } = await guarded();
    expect((await get('/api/flows', { headers: basic('cy', LONGEST) })).status).toBe(200);
    expect((await get('/api/flows', { headers: basic('cy', `${LONGEST}y`) })).status).toBe(401);
  });

  it('that are wrong again and again must wait, while the right one that was known goes on', async () => {
    const { get, refusals } = await guarded();
    expect((await get('/api/flows', { headers: basic('ann', 'right') })).status).toBe(200);
    const tries = await Promise.all(
      Array.from({ length: 40 }, (_, i) => get('/api/flows', { headers: basic('ann', `wrong${i}`) })),
    );
    const limited = tries.filter(({ status }) => status === 429);
    expect(limited.length).toBeGreaterThanOrEqual(29);
    expect(Number(limited[0]!.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect((await get('/api/flows', { headers: basic('ann', 'right') })).status).toBe(200);
    expect(refusals).toContain('limited');
  });

  it('cannot be taken for those of another user whose name joins alike', async () => {
    const { get } = await guarded();
    expect((await get('/api/flows', { headers: basic('ann', 'right') })).status).toBe(200);
    expect((await get('/api/flows', { headers: basic('annr', 'ight') })).status).toBe(401);
  });
});

it('answers 429 beyond the rate limit, but health goes on', async () => {
  const { get } = await guarded('rate_limit: { interval: 1h, burst: 2 }');
  const asked = [];
  for (let i = 0; i < 3; i += 1) asked.push(await get('/metrics', { headers: bearer(tokenOf('scrape')) }));
  expect(asked.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect((await get('/-/healthy')).status).toBe(200);
});

describe('browsers', () => {
  it('may not send from a page of another place', async () => {
    const { get } = await startFace();
    const post = (headers: Record<string, string>) => get('/api/flows', { method: 'POST', headers });
    expect((await post({})).status).toBe(405);
    const { get: ours, refusals } = await guarded();
    for (const headers of [{ origin: 'http://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      const answer = await ours('/api/alerts/webhook', {
        method: 'POST',
        headers: { ...headers, ...bearer(tokenOf('ingest')) },
      });
      expect([answer.status, JSON.parse(answer.text).code]).toEqual([403, 'ORIGIN_REFUSED']);
    }
    expect(refusals).toEqual(['origin', 'origin']);
  });

  const asked = async (host: string, listenHost: string, externalUrl?: string) => {
    const isOwnHost = ownHosts({ listenAddress: { host: listenHost, port: 0 }, externalUrl });
    const { get } = await startFace(isOwnHost === undefined ? {} : { isOwnHost });
    const answer = await get('/metrics', { headers: { host } });
    return answer.status === 200 ? 'in' : JSON.parse(answer.text).code;
  };

  it.each([
    'evil.example',
    'evil.example:9877',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evil.example:80:80',
    '[evil.example]',
  ])('cannot ask a loopback exporter under the name of another place: %s', async (host) => {
    expect(await asked(host, '127.0.0.1', 'https://flows.example/x')).toBe('HOST_REFUSED');
    expect(await asked(host, '::1')).toBe('HOST_REFUSED');
    // Elsewhere the names are the operator's.
    expect(await asked(host, '0.0.0.0')).toBe('in');
  });

  it.each([
    'localhost',
    'LOCALHOST:9877',
    '127.0.0.1:9877',
    '[::1]:9877',
    '10.1.2.3',
    'Flows.Example',
    'flows.example:443',
  ])('ask it under its own: %s', async (host) => {
    expect(await asked(host, '127.0.0.1', 'https://flows.example/x')).toBe('in');
  });

  it('see its health under every name, as a probe of a container does', async () => {
    const isOwnHost = ownHosts({ listenAddress: { host: '127.0.0.1', port: 0 }, externalUrl: undefined })!;
    const { get } = await startFace({ isOwnHost });
    expect((await get('/-/healthy', { headers: { host: 'evil.example' } })).status).toBe(200);
  });
});
