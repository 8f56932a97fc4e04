/** Owns the proof that good files load, and of the values that the program then works with. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../src/config/load.js';
import type { ValidConfig } from '../../src/config/valid-config.js';

const folder = join(import.meta.dirname, 'good');
const load = (name: string) => loadConfig({ file: join(folder, name), env: {} });
const urlOf = (database: ValidConfig['source']) => database.kind === 'url' && database.url.reveal();

describe('good files', () => {
  it.each(readdirSync(folder))('%s loads', (name) => {
    expect(load(name).flows.length).toBeGreaterThanOrEqual(0);
  });

  it('fill every default', () => {
    const config = load('minimal.yml');
    expect(config.web).toEqual({
      listenAddress: { host: '127.0.0.1', port: 9877 },
      telemetryPath: '/metrics',
      externalUrl: undefined,
      allowAnonymousRemote: false,
      configFile: undefined,
      adminApi: false,
    });
    expect(config.log).toEqual({ level: 'info' });
    expect(config.limits).toEqual({ seriesPerMetric: 2000, seriesTotal: 20_000 });
    expect(config.journal).toEqual({
      maxRows: 5_000_000,
      readIntervalMinMs: 100,
      readIntervalMaxMs: 500,
      page: 5000,
    });
    expect(config.maintenance).toEqual({ matchers: { job: 'flowgauge' }, windows: [] });
    expect(config.store).toBe(config.source);
    expect(urlOf(config.source)).toBe('postgres://flowgauge@127.0.0.1/app');
    expect(config.flows).toEqual([
      {
        name: 'tokens',
        table: { schema: 'public', name: 'tokens' },
        key: ['id'],
        status: 'status',
        createdAt: undefined,
        updatedAt: undefined,
        movedAt: undefined,
        repeats: 'ignore',
        statuses: undefined,
        moves: undefined,
        limits: new Map(),
        reason: undefined,
        capture: 'auto',
        pollIntervalMs: 1000,
        auditIntervalMs: 60_000,
      },
    ]);
  });

  it('carry every key into the configuration', () => {
    const config = load('every-key.yml');
    expect(config.web).toEqual({
      listenAddress: { host: '::', port: 9900 },
      telemetryPath: '/internal/metrics',
      externalUrl: 'https://flowgauge.example.org/gauge',
      allowAnonymousRemote: true,
      configFile: join(dirname(folder), 'web', 'full.yml'),
      adminApi: true,
    });
    expect(config.log.level).toBe('debug');
    expect(urlOf(config.source)).toBe(
      'postgresql://app:p%40ss@a.internal:5432,b.internal:5433/app?sslmode=require',
    );
    expect(urlOf(config.store)).toBe('postgres://gauge@127.0.0.1/gauge');
    expect(config.limits).toEqual({ seriesPerMetric: 5000, seriesTotal: 50_000 });
    expect(config.journal).toEqual({
      maxRows: 1_000_000,
      readIntervalMinMs: 50,
      readIntervalMaxMs: 1000,
      page: 1000,
    });
    expect(config.maintenance).toEqual({
      matchers: { job: 'gauge', severity: 'warning' },
      windows: [
        {
          name: 'nightly',
          cron: '30 2 * * MON-FRI',
          timeZone: 'Europe/Berlin',
          durationMs: 2_700_000,
          matchers: { flow: 'tokens' },
        },
      ],
    });
    expect(config.flows[0]).toEqual({
      name: 'tokens',
      table: { schema: 'public', name: 'tokens' },
      key: ['mint_address'],
      status: 'status',
      createdAt: 'created_at',
      updatedAt: 'last_updated_at',
      movedAt: 'moved_at',
      repeats: 'count',
      statuses: ['monitoring', 'active', 'archived'],
      moves: new Set([
        'none>monitoring',
        'monitoring>active',
        'active>monitoring',
        'active>archived',
        'active>active',
      ]),
      limits: new Map([
        ['monitoring', { warning: 180_000, critical: 900_000 }],
        ['active', { critical: 129_600_000 }],
      ]),
      reason: { column: 'archive_reason', values: ['low_score', 'timeout'] },
      capture: 'journal',
      pollIntervalMs: 2000,
      auditIntervalMs: 300_000,
    });
  });

  it('keep names and statuses as they are written, numbers and booleans included', () => {
    const [letters, payments] = load('awkward-names.yml').flows;
    expect(letters?.table).toEqual({ schema: 'My Schema', name: 'orders.2026 "old"' });
    expect(letters?.key).toEqual(['Region', 'item id']);
    expect(letters?.status).toBe('Состояние');
    expect(letters?.statuses).toEqual([
      'новый',
      'в работе',
      "it's",
      'a"b\\c',
      '007',
      'true',
      'constructor',
      'toString',
    ]);
    expect([...(letters?.moves ?? [])]).toEqual(['новый>в работе', '007>true']);
    expect([...(letters?.limits ?? [])]).toEqual([
      ['007', { warning: 3_600_000 }],
      ['в работе', { critical: 172_800_000 }],
    ]);
    expect(payments?.status).toBe('payment');
  });

  it('watch the embedded database when it is the only one', () => {
    const config = load('nothing-to-watch-yet.yml');
    expect(config.source).toEqual({ kind: 'embedded', directory: join(folder, 'data') });
    expect(config.store).toBe(config.source);
    expect(config.flows).toEqual([]);
  });

  it('keep an embedded store beside a source', () => {
    const config = parseConfig('store: {embedded: data}', {
      env: { DATABASE_URL: 'postgres://app@127.0.0.1/app' },
    });
    expect(urlOf(config.source)).toBe('postgres://app@127.0.0.1/app');
    expect(config.store).toEqual({ kind: 'embedded', directory: resolve('data') });
  });

  it('are frozen to the last value', () => {
    const config = load('every-key.yml');
    const flow = config.flows[0]!;
    const write = (change: () => void) => expect(change).toThrow(TypeError);
    write(() => Object.assign(config, { log: 1 }));
    write(() => Object.assign(config.web.listenAddress, { port: 1 }));
    write(() => (config.flows as unknown[]).push(1));
    write(() => (flow.key as string[]).push('x'));
    write(() => (flow.moves as Set<string>).add('x>y'));
    write(() => (flow.limits as Map<string, unknown>).clear());
    write(() => Object.assign(flow.limits.get('monitoring')!, { warning: 1 }));
    write(() => Object.assign(config.source, { kind: 'embedded' }));
    expect(flow.moves?.size).toBe(5);
  });
});

describe('the examples', () => {
  const examples = join(import.meta.dirname, '../../examples');
  const env = { DATABASE_URL: 'postgres://flowgauge@127.0.0.1/app' };

  it.each([
    ['tokens', { tokens: ['monitoring', 'active', 'archived'] }],
    [
      'orders',
      {
        orders: ['новый', 'в работе', 'готов', 'выдан'],
        work: ['новый', 'в работе', 'на паузе', 'завершен'],
      },
    ],
    ['tasks', { server_tasks: ['pending', 'processing', 'completed', 'failed'], processing_jobs: undefined }],
  ])('%s loads and matches its tables', (name, statuses) => {
    const config = loadConfig({ file: join(examples, name, 'flowgauge.yml'), env });
    const schema = readFileSync(join(examples, name, 'schema.sql'), 'utf8');
    expect(Object.fromEntries(config.flows.map((flow) => [flow.name, flow.statuses]))).toEqual(statuses);
    for (const flow of config.flows) {
      const table = new RegExp(`CREATE TABLE ${flow.table.name} \\(([^;]*)\\);`).exec(schema)?.[1] ?? '';
      const columns = [...flow.key, flow.status, flow.createdAt, flow.updatedAt, flow.reason?.column];
      for (const column of columns) {
        if (column !== undefined) expect(table).toMatch(new RegExp(`^\\s*${column} `, 'm'));
      }
    }
  });
});
