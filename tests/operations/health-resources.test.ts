/** Checks what the paths about the machine and about Telegram answer, as a caller reads it. */
import { describe, expect, it } from 'vitest';
import type { HealthFacts } from '../../src/operations/health-facts.js';
import { startFace } from '../http/face.js';
import { channel, healthDeps, NOW, probe, resources, sample } from './made-up-facts.js';

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

  it.each(['/health/resources', '/resources/status'])('%s says what to configure', async (path) => {
    expect(await ask(path, { resources: () => undefined })).toMatchObject({
      status: 503,
      type: 'application/problem+json; charset=utf-8',
      body: { code: 'NOT_CONFIGURED', remedy: 'set resources.enabled: true' },
    });
  });
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
