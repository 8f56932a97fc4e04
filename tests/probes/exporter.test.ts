/** Owns the proof that a running exporter asks its services side by side, shows each of them, and keeps their secrets. */
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { PROBE_REASONS } from '../../src/metrics/catalog-probes.js';
import { eventually, samplesOf, startExporterProcess, writeConfig } from '../harness/exporter.js';
import { freshDatabase } from '../harness/fresh-database.js';
import { freePort } from '../harness/ports.js';
import { startRedis } from '../harness/redis.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { writeSecret } from './asking.js';
import { startHttp, startTcp } from './servers.js';

const directory = scratchDirectory('probes');
afterAll(() => removeScratch(directory));

const SECRETS = [
  'canaryPassword81',
  '123456:canaryToken_AAF',
  'canaryBearer9c',
  'canaryQuery3f',
  'canaryWords',
];

describe('a running exporter', () => {
  it('shows every service from the start, and one that hangs delays no other', async () => {
    const source = await freshDatabase();
    onTestFinished(() => source.drop());
    const store = await freshDatabase();
    onTestFinished(() => store.drop());
    const redis = await startRedis({ requirepass: SECRETS[0]! });
    onTestFinished(() => redis.stop());
    const hanging = await startTcp(() => {});
    onTestFinished(() => hanging.stop());
    const seen = new Set<unknown>();
    let isBroken = false;
    const good = await startHttp((request, response) => {
      seen.add(request.headers.authorization);
      response.writeHead(isBroken ? 503 : 200).end(`${SECRETS.join(' ')} ok`);
    });
    onTestFinished(() => good.stop());
    const broken = await startHttp((_, response) => response.writeHead(401).end(SECRETS.join(' ')));
    onTestFinished(() => broken.stop());
    writeSecret(directory, 'password', SECRETS[0]!);
    writeSecret(directory, 'token', SECRETS[1]!);
    writeSecret(directory, 'bearer', SECRETS[2]!);
    const every = 'interval: 1s, timeout: 1s';
    const config = writeConfig(
      directory,
      `web: { listen_address: '127.0.0.1:0' }
log: { level: trace }
source: { url: '${source.url}' }
store: { url: '${store.url}' }
probes:
  allow_networks: [127.0.0.0/8]
  search: { kind: http, url: 'http://127.0.0.1:${good.port}/?key=${SECRETS[3]}', bearer_token_file: bearer, body_contains: ok, ${every} }
  cache: { kind: redis, url: 'redis://127.0.0.1:${redis.port}', password_file: password, ${every} }
  bot: { kind: telegram, url: 'http://127.0.0.1:${broken.port}', token_file: token, ${every} }
  hanging: { kind: http, url: 'http://127.0.0.1:${hanging.port}/', interval: 30s, timeout: 20s }
  gone: { kind: prometheus, url: 'http://127.0.0.1:${await freePort()}', ${every} }
  metadata: { kind: http, url: 'http://169.254.169.254/latest', ${every} }
`,
    );
    const exporter = await startExporterProcess(config);
    onTestFinished(() => exporter.kill());
    const names = ['source', 'store', 'search', 'cache', 'bot', 'hanging', 'gone', 'metadata'];

    const first = await exporter.metrics();
    for (const probe of names) {
      expect(samplesOf(first, 'probe_success').has(`probe="${probe}"`)).toBe(true);
      expect(samplesOf(first, 'probe_last_success_timestamp_seconds').has(`probe="${probe}"`)).toBe(true);
      for (const reason of PROBE_REASONS) {
        expect(samplesOf(first, 'probe_failures_total').has(`probe="${probe}",reason="${reason}"`)).toBe(
          true,
        );
      }
    }

    await eventually(
      () => exporter.metrics(),
      (page) => samplesOf(page, 'job_state').get('job_name="probe_hanging",state="running"') === 1,
    );
    const text = await eventually(
      () => exporter.metrics(),
      (page) => {
        const runs = samplesOf(page, 'probe_duration_seconds_count');
        const done = names.filter((name) => (runs.get(`probe="${name}"`) ?? 0) >= 1);
        return done.length >= names.length - 1 && (runs.get('probe="search"') ?? 0) >= 3;
      },
    );
    const success = samplesOf(text, 'probe_success');
    expect(Object.fromEntries(names.map((name) => [name, success.get(`probe="${name}"`)]))).toEqual({
      source: 1,
      store: 1,
      search: 1,
      cache: 1,
      bot: 0,
      hanging: 0,
      gone: 0,
      metadata: 0,
    });
    const failures = samplesOf(text, 'probe_failures_total');
    expect(failures.get('probe="bot",reason="auth"')).toBeGreaterThanOrEqual(1);
    expect(failures.get('probe="gone",reason="refused"')).toBeGreaterThanOrEqual(1);
    expect(failures.get('probe="metadata",reason="refused"')).toBeGreaterThanOrEqual(1);
    expect(failures.get('probe="hanging",reason="timeout"')).toBe(0);
    expect(failures.get('probe="search",reason="status"')).toBe(0);
    expect(samplesOf(text, 'probe_duration_seconds_count').get('probe="hanging"')).toBe(0);
    expect(samplesOf(text, 'probe_postgres_connections_max').get('probe="source"')).toBeGreaterThan(1);
    expect(samplesOf(text, 'probe_postgres_connections').get('probe="store"')).toBeGreaterThanOrEqual(1);
    expect(samplesOf(text, 'probe_redis_memory_used_bytes').get('probe="cache"')).toBeGreaterThan(1);
    expect(samplesOf(text, 'probe_redis_keyspace_hits_total').has('probe="cache"')).toBe(true);
    expect(seen).toEqual(new Set([`Bearer ${SECRETS[2]}`]));

    // A service that falls and rises again, one that is stopped for good, and a secret that rotates.
    isBroken = true;
    await redis.stop();
    writeSecret(directory, 'bearer', 'canaryRotated7');
    const fallen = await eventually(
      () => exporter.metrics(),
      (page) => {
        const now = samplesOf(page, 'probe_success');
        return now.get('probe="search"') === 0 && now.get('probe="cache"') === 0;
      },
    );
    // What Redis said last stays; its age is in probe_last_success_timestamp_seconds.
    expect(samplesOf(fallen, 'probe_redis_memory_used_bytes').get('probe="cache"')).toBeGreaterThan(1);
    isBroken = false;
    await eventually(
      () => exporter.metrics(),
      (page) =>
        samplesOf(page, 'probe_success').get('probe="search"') === 1 && seen.has('Bearer canaryRotated7'),
    );

    // The probe that hangs does not keep the process from ending either.
    expect(await exporter.stop()).toBe(0);
    const everything = `${first}${text}${fallen}${exporter.output()}`;
    expect(exporter.output()).toContain('service does not answer as it must');
    expect(exporter.output()).toContain('"reason":"refused"');
    expect(everything).not.toMatch(/canary/i);
  });

  it('refuses to start when the file of a secret is missing, and names it', async () => {
    const config = writeConfig(
      directory,
      `source: { url: 'postgres://a@127.0.0.1:1/b' }
probes: { bot: { kind: telegram, token_file: ${join(directory, 'none')} } }
`,
    );
    await expect(startExporterProcess(config)).rejects.toThrow(
      /probes\.bot\.token_file \(\S+flowgauge\.yml:2\): names \S+none, which does not exist/,
    );
  });
});
