/** Owns made-up facts of health: a system that is well, with everything known, and whatever a test changes about it. */
import type { ActiveAlert } from '../../src/alerts/alertmanager.js';
import { valuesInForce } from '../../src/config/limits-by-memory.js';
import { thresholdSettings, thresholdsSchema } from '../../src/config/thresholds-schema.js';
import { judgeHealth } from '../../src/health.js';
import type { HealthDeps } from '../../src/http/health-api.js';
import type { NumbersDeps } from '../../src/http/metrics-api.js';
import { arrangeDays } from '../../src/operations/flow-days.js';
import type { BreakerLine } from '../../src/operations/health-breakers.js';
import type { ChannelLine } from '../../src/operations/health-channels.js';
import type {
  FlowFacts,
  HealthFacts,
  ProbeFacts,
  ResourceFacts,
  ResourceHistoryFacts,
} from '../../src/operations/health-facts.js';
import type { JobLine } from '../../src/operations/health-jobs.js';
import type { PerformanceReport } from '../../src/operations/health-performance.js';
import { HISTORY_COLUMNS, type HistoryColumn, type HistoryValues } from '../../src/resources/history.js';
import type { Outcome, ResourceSample } from '../../src/resources/sample.js';

/** The moment at which the facts are looked at. */
export const NOW = new Date('2026-01-02T03:04:05.000Z');
const BEFORE = new Date('2026-01-02T03:04:00.000Z');

/** A flow within its limits. */
export const flow: FlowFacts = {
  flow: 'tokens',
  mode: 'journal',
  verdict: 'flowing',
  statuses: [
    { status: 'monitoring', items: 12, stuckItems: 0, oldestAgeSeconds: 90 },
    { status: 'active', items: 3, stuckItems: undefined, oldestAgeSeconds: 1000 },
  ],
  captureLagSeconds: 0.25,
  limits: new Map([['monitoring', { warning: 180, critical: 900 }]]),
  asOf: NOW,
};

/** A job that waits for its next run. */
export const job: JobLine = {
  name: 'publish',
  state: 'idle',
  runs: { success: 40, failure: 1, timeout: 0, abandoned: 0, cancelled: 0 },
  missedRuns: 0,
  restarts: 0,
  lastSuccessAt: BEFORE,
  lastHeartbeatAt: BEFORE,
};

/** A closed breaker. */
export const breaker: BreakerLine = {
  name: 'market',
  state: 'closed',
  failureCount: 0,
  failuresInRow: 0,
  successCount: 0,
  lastFailureAt: undefined,
  retryAfterSeconds: undefined,
  calls: { success: 9, slow: 0, failure: 0, timeout: 0, ignored: 0, aborted: 0, rejected: 0 },
};

/** A channel that delivered its latest message. */
export const channel: ChannelLine = {
  channel: 'telegram',
  messages: { queued: 1, sending: 0, sent: 5, dead: 0 },
  attempts: { sent: 5, limited: 0, transient: 1, permanent: 0 },
  latest: { outcome: 'sent', at: BEFORE },
  lastSentAt: BEFORE,
  oldestQueuedAt: NOW,
};

/** A probe with a good answer. */
export const probe: ProbeFacts = {
  probe: 'bot',
  kind: 'telegram',
  outcome: { success: true, latencyMs: 12, facts: { telegramBot: { id: 7, username: 'ops_bot' } } },
  at: BEFORE,
  lastSuccessAt: BEFORE,
  consecutiveFailures: 0,
};

/** An alert that fires. */
export function alert(severity: string | undefined, over: Partial<ActiveAlert> = {}): ActiveAlert {
  const labels: Record<string, string> = { alertname: 'FlowStalled', flow: 'tokens' };
  if (severity !== undefined) labels.severity = severity;
  return {
    fingerprint: 'a1b2c3d4e5f60718',
    labels,
    annotations: { summary: 'tokens does not move' },
    startsAtMs: BEFORE.getTime(),
    isMuted: false,
    ...over,
  };
}

function measured<T>(value: T): Outcome<T> {
  return { kind: 'measured', value, atMs: 0, durationMs: 1 };
}

/** Everything is measured: a third of the processors, half of the memory. */
export const sample: ResourceSample = {
  cpu: measured({ cores: 2, utilizationRatio: 0.3 }),
  load: measured({ '1m': 0.5, '5m': 0.25, '15m': 0.125 }),
  memory: measured({ usedBytes: 4e9, totalBytes: 16e9 }),
  swap: measured({ usedBytes: 0, totalBytes: 0 }),
  heap: measured({ usedBytes: 50e6, limitBytes: 2e9 }),
  filesystem: measured({ mounts: new Map([['/', { usedBytes: 3e9, totalBytes: 12e9 }]]), failed: new Map() }),
  network: measured(
    new Map([['eth0', { receiveBytes: 10, transmitBytes: 20, receiveErrors: 0, transmitErrors: 1 }]]),
  ),
  disk: measured({ read: 5, write: 6 }),
  process: measured({ residentBytes: 345.2e6, children: 2, openFds: 30, maxFds: 1024 }),
};

/** The sample with its age and the score made of it. */
export const resources: ResourceFacts = {
  sample,
  ageSeconds: new Map([['cpu', 1.5]]),
  health: judgeHealth({ memory: 0.25, cpu: 0.3, load: 0 }),
};

/** Half a minute ago something could not be read; now everything is. */
export const history: ResourceHistoryFacts = {
  rows: [
    { wallMs: NOW.getTime() - 30_000, values: values((_, n) => (n % 2 === 0 ? undefined : n)) },
    { wallMs: NOW.getTime(), values: values((_, n) => n + 0.1234567) },
  ],
  intervalMs: 30_000,
};

function values(of: (name: HistoryColumn, n: number) => number | undefined): HistoryValues {
  return Object.fromEntries(HISTORY_COLUMNS.map((name, n) => [name, of(name, n)])) as HistoryValues;
}

const calm = {
  count: 120,
  errors: 3,
  perMinute: 24,
  meanSeconds: 0.002,
  p50Seconds: 0.001,
  p95Seconds: 0.004,
  p99Seconds: 0.0048,
};

/** Five quiet minutes. */
export const performance: PerformanceReport = {
  windowSeconds: 300,
  http: calm,
  apis: new Map([['market', calm]]),
  movesPerMinute: new Map([['tokens', 26]]),
  eventLoopDelayP99Seconds: 0.0042,
};

const thresholds = valuesInForce(thresholdSettings(thresholdsSchema.parse({})), 16e9);

/** Facts of a system that is well, with these changed. */
export function facts(over: Partial<HealthFacts> = {}): HealthFacts {
  return {
    now: () => NOW,
    ready: () => ({ storeAnswers: true, uncounted: [] }),
    flows: () => [flow],
    jobs: () => [job],
    isLeader: () => true,
    breakers: () => [breaker],
    firing: () => ({ kind: 'known', at: NOW, alerts: [] }),
    resources: () => resources,
    resourceHistory: () => history,
    probes: () => [probe],
    performance: () => performance,
    channels: () => [channel],
    thresholds: () => thresholds,
    ...over,
  };
}

/** Two days of the flow: one item came in on each, and two moved on the second. */
export const days = arrangeDays(
  'tokens',
  {
    today: '2026-01-02',
    countedSinceMs: Date.parse('2026-01-01T12:00:00Z'),
    lastGapMs: undefined,
    rows: [
      { day: '2026-01-01', from: 'none', to: 'monitoring', count: 1 },
      { day: '2026-01-02', from: 'none', to: 'monitoring', count: 1 },
      { day: '2026-01-02', from: 'monitoring', to: 'active', count: 2 },
      { day: '2026-01-02', from: 'active', to: 'none', count: 1 },
    ],
  },
  30,
);

/** What stands behind the routes of health and of numbers, everything configured. */
export function healthDeps(over: Partial<HealthFacts> = {}): {
  readonly health: HealthDeps;
  readonly numbers: NumbersDeps;
} {
  const made = facts(over);
  return {
    health: { facts: made },
    numbers: {
      facts: made,
      days: async () => days,
      notifications: {
        keptMs: 7 * 86_400_000,
        ends: async () => [{ channel: 'telegram', successful: 199, failed: 1 }],
        failures: async () => ({
          total: 2,
          failures: [
            {
              id: 7,
              notification_type: 'group',
              channel: 'telegram',
              chat: '-100123',
              sent_at: '2026-01-02T03:00:00.000Z',
              attempts: 3,
              error_message: 'forbidden: 403',
            },
          ],
        }),
      },
      logger: { warn() {} },
    },
  };
}
