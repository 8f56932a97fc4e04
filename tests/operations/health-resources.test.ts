/** Checks what the paths about the machine and about Telegram answer, as a caller reads it. */
import { describe, expect, it } from 'vitest';
import type { HealthFacts } from '../../src/operations/health-facts.js';
import { startFace } from '../http/face.js';
import { channel, healthDeps, history, NOW, probe, resources, sample } from './made-up-facts.js';

async function ask(path: string, over: Partial<HealthFacts> = {}) {
  const { get } = await startFace(healthDeps(over));
  const { status, text, headers } = await get(path);
  return { status, body: JSON.parse(text), type: headers['content-type'] };
}

describe('/health/resources', () => {
  it('shows what was measured, and what is beyond its limit', async () => {
    const full = { usedBytes: 15e9, totalBytes: 16e9 };
    const { body } = await ask('/health/resources', {
      resources: () => ({
        ...resources,
        sample: {
          ...sample,
          memory: { kind: 'measured', value: full, atMs: 0, durationMs: 1 },
          disk: { kind: 'failed', error: new Error('no'), atMs: 0, durationMs: 1 },
        },
      }),
    });
    expect(body).toMatchObject({
      status: 'degraded',
      memory: { used_bytes: 15e9, total_bytes: 16e9, utilization_percent: 93.75 },
      cpu: { cores: 2, utilization_percent: 30 },
      disk: [{ mountpoint: '/', used_bytes: 3e9, total_bytes: 12e9, utilization_percent: 25 }],
      disk_io: null,
      failed: ['disk'],
      process: { resident_bytes: 345.2e6, children: 2, open_fds: 30, max_fds: 1024 },
    });
    expect(body.alerts.map(({ message }: { message: string }) => message)).toEqual([
      'memory_utilization_ratio is 0.9375, above the critical limit of 0.9',
      'memory_used_bytes is 15000000000, above the critical limit of 12000000000',
    ]);
  });

  it.each(['/health/resources', '/resources/status', '/resources/history'])(
    '%s says what to configure',
    async (path) => {
      const off = { resources: () => undefined, resourceHistory: () => undefined };
      expect(await ask(path, off)).toMatchObject({
        status: 503,
        type: 'application/problem+json; charset=utf-8',
        body: { code: 'NOT_CONFIGURED', remedy: 'set resources.enabled: true' },
      });
    },
  );
});

describe('/resources/status', () => {
  it('has the fields of the reference', async () => {
    expect((await ask('/resources/status')).body).toEqual({
      health: {
        current_resources: { memory_mb: 345.2, cpu_percent: 30, memory_utilization_percent: 25 },
        health_score: 74.2,
        alerts: [],
        recommendations: ['System performing well'],
      },
      emergency: { emergency_mode: false },
    });
  });

  it('is an emergency below the critical score', async () => {
    const low = { ...resources, health: { ...resources.health!, score: 59.9 } };
    const { body } = await ask('/resources/status', { resources: () => low });
    expect(body.emergency).toEqual({ emergency_mode: true });
    expect(body.health.alerts).toEqual(['health_score is 59.9, below the critical limit of 60']);
    expect(body.health.recommendations).toEqual(['See the reasons of the score at /health/resources.']);
  });
});

describe('/resources/history', () => {
  it('has a row per sample, the oldest first, and what lies between the least and the most of each column', async () => {
    const { status, body } = await ask('/resources/history');
    const { rows, summary, ...head } = body;
    expect([status, head]).toEqual([
      200,
      {
        timestamp: '2026-01-02T03:04:05.000Z',
        minutes: 60,
        interval_seconds: 30,
        capacity: 1000,
        row_count: 2,
      },
    ]);
    expect(rows.map(({ time }: { time: string }) => time)).toEqual([
      '2026-01-02T03:03:35.000Z',
      '2026-01-02T03:04:05.000Z',
    ]);
    expect(Object.keys(rows[1])).toEqual([
      'time',
      'cpu_utilization_ratio',
      'load_average_1m',
      'memory_used_bytes',
      'memory_total_bytes',
      'swap_used_bytes',
      'filesystem_used_ratio',
      'network_receive_bytes_per_second',
      'network_transmit_bytes_per_second',
      'disk_read_bytes_per_second',
      'disk_write_bytes_per_second',
      'resident_memory_bytes',
      'heap_used_bytes',
      'open_fds',
      'children',
      'health_score',
      'waiting_items',
      'over_limit_items',
    ]);
    expect([rows[0].cpu_utilization_ratio, rows[1].cpu_utilization_ratio]).toEqual([null, 0.12346]);
    expect([rows[0].load_average_1m, rows[1].load_average_1m]).toEqual([1, 1.12346]);
    // What was not known is no 0 in the mean.
    expect(summary.cpu_utilization_ratio).toEqual({ known: 1, min: 0.12346, mean: 0.12346, max: 0.12346 });
    expect(summary.load_average_1m).toEqual({ known: 2, min: 1, mean: 1.06173, max: 1.12346 });
  });

  it('has nulls and no rows right after the start', async () => {
    const none = () => ({ rows: [], intervalMs: 30_000 });
    const { status, body } = await ask('/resources/history', { resourceHistory: none });
    expect([status, body.row_count, body.rows]).toEqual([200, 0, []]);
    expect(body.summary.children).toEqual({ known: 0, min: null, mean: null, max: null });
  });

  it('asks for as many minutes as the caller does', async () => {
    const asked: number[] = [];
    const resourceHistory = (minutes: number) => {
      asked.push(minutes);
      return history;
    };
    for (const query of ['', '?minutes=1', '?minutes=600'])
      expect((await ask(`/resources/history${query}`, { resourceHistory })).status).toBe(200);
    expect(asked).toEqual([60, 1, 600]);
  });

  it.each(['0', '601', '-1', '1.5', '1e2', '', 'an hour', '5&minutes=6'])(
    'refuses minutes=%s',
    async (minutes) => {
      expect(await ask(`/resources/history?minutes=${encodeURI(minutes)}`)).toMatchObject({
        status: 400,
        type: 'application/problem+json; charset=utf-8',
        body: { field: 'minutes', remedy: 'one whole number from 1 to 600, or none for 60' },
      });
    },
  );
});

describe('/telegram/status', () => {
  const failed = { ...channel, latest: { outcome: 'transient' as const, at: NOW } };
  const unasked = { ...probe, outcome: undefined, at: undefined, lastSuccessAt: undefined };
  it.each<[string, Partial<HealthFacts>, string]>([
    ['a delivered message', { probes: () => [] }, 'connected'],
    ['a failed try after a good probe', { channels: () => [failed] }, 'disconnected'],
    [
      'a message that Telegram refused',
      { channels: () => [{ ...channel, latest: { outcome: 'permanent', at: NOW } }], probes: () => [] },
      'connected',
    ],
    [
      'nothing tried yet',
      {
        channels: () => [{ ...channel, latest: undefined, lastSentAt: undefined }],
        probes: () => [unasked],
      },
      'unknown',
    ],
    ['a probe alone', { channels: () => [] }, 'connected'],
  ])('%s', async (_, over, word) => {
    const { status, body } = await ask('/telegram/status', over);
    expect([status, body.telegram, body.initialized]).toEqual([200, word, word !== 'unknown']);
  });

  it('shows the account, the probe and the channel', async () => {
    expect((await ask('/telegram/status')).body).toEqual({
      telegram: 'connected',
      timestamp: '2026-01-02T03:04:05.000Z',
      initialized: true,
      user: { id: 7, username: 'ops_bot' },
      probe: {
        probe: 'bot',
        success: true,
        reason: null,
        latency_seconds: 0.012,
        asked_at: '2026-01-02T03:04:00.000Z',
        last_success_at: '2026-01-02T03:04:00.000Z',
        consecutive_failures: 0,
      },
      channel: {
        messages: { queued: 1, sending: 0, sent: 5, dead: 0 },
        attempts: { sent: 5, limited: 0, transient: 1, permanent: 0 },
        last_attempt: { outcome: 'sent', at: '2026-01-02T03:04:00.000Z' },
        last_sent_at: '2026-01-02T03:04:00.000Z',
        oldest_queued_at: '2026-01-02T03:04:05.000Z',
      },
    });
  });

  it('says what to configure', async () => {
    const { status, body } = await ask('/telegram/status', { channels: () => [], probes: () => [] });
    expect([status, body.code]).toEqual([503, 'NOT_CONFIGURED']);
    expect((await ask('/health', { channels: () => [], probes: () => [] })).body.telegram).toBeNull();
  });
});
