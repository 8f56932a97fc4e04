/** Owns the table of which alert mutes which, asked of a real Alertmanager that has both. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AlertmanagerServer, startAlertmanager } from '../harness/alertmanager.js';
import { startFakeTelegram } from '../harness/telegram.js';

const stops: (() => Promise<void>)[] = [];
let alertmanager: AlertmanagerServer;
beforeAll(async () => {
  const telegram = await startFakeTelegram();
  stops.push(() => telegram.close());
  alertmanager = await startAlertmanager({ env: { TELEGRAM_API_URL: telegram.url } });
  stops.push(() => alertmanager.stop());
});
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

type Labels = Readonly<Record<string, string>>;
/** Label sets are written as `name=value name=value`; every alert of a case has the job, and the instance unless it names one. */
function labelsOf(text: string, number: number): Labels {
  const given = Object.fromEntries(text.split(' ').map((pair) => pair.split('=') as [string, string]));
  // The cases share one Alertmanager; a job of its own keeps each to itself.
  return { job: `case${number}`, instance: 'a:9877', ...given };
}

const CASES: readonly (readonly [source: string, target: string, muted: boolean])[] = [
  ['alertname=CpuHigh severity=critical', 'alertname=CpuHigh severity=warning', true],
  ['alertname=CpuHigh severity=critical', 'alertname=CpuHigh severity=warning instance=b:9877', false],
  ['alertname=CpuHigh severity=critical', 'alertname=MemoryHigh severity=warning', false],
  ['alertname=CpuHigh severity=error', 'alertname=CpuHigh severity=info', true],
  ['alertname=CpuHigh severity=warning', 'alertname=CpuHigh severity=critical', false],
  [
    'alertname=FlowItemsStuck severity=critical flow=tokens status=monitoring page=yes',
    'alertname=FlowItemsStuck severity=warning flow=tokens status=monitoring',
    true,
  ],
  [
    'alertname=FlowItemsStuck severity=critical flow=tokens status=monitoring',
    'alertname=FlowItemsStuck severity=warning flow=orders status=monitoring',
    false,
  ],
  [
    'alertname=FilesystemFull severity=critical mountpoint=/',
    'alertname=FilesystemFull severity=warning mountpoint=/data',
    false,
  ],
  [
    'alertname=SloBudgetBurning severity=critical slo=api api=x',
    'alertname=SloBudgetBurning severity=warning slo=api api=y',
    false,
  ],
  [
    'alertname=LimiterRejecting severity=error limiter=market',
    'alertname=LimiterRejecting severity=warning limiter=market',
    true,
  ],
  [
    'alertname=LimiterRejecting severity=error limiter=market',
    'alertname=LimiterRejecting severity=warning limiter=coins',
    false,
  ],
  ['alertname=LoadMinimal severity=error', 'alertname=LoadReduced severity=warning', true],
  ['alertname=LoadMinimal severity=error', 'alertname=LoadReduced severity=warning instance=b:9877', false],
  ['alertname=StoreDatabaseDown severity=critical', 'alertname=LogErrorsHigh severity=warning', true],
  ['alertname=StoreDatabaseDown severity=critical', 'alertname=RetriedCallsHigh severity=warning', false],
  [
    'alertname=JobStuck severity=error job_name=publish',
    'alertname=JobFailing severity=error job_name=publish',
    true,
  ],
  [
    'alertname=JobStuck severity=error job_name=publish',
    'alertname=JobFailing severity=error job_name=lease',
    false,
  ],
  ['alertname=TargetDown severity=critical', 'alertname=FlowMetricsMissing severity=error flow=tokens', true],
  ['alertname=TargetDown severity=critical', 'alertname=TargetDown severity=critical tier=2', false],
  [
    'alertname=TargetDown severity=critical instance=b:9877',
    'alertname=FlowStalled severity=critical flow=tokens',
    false,
  ],
  [
    'alertname=SourceDatabaseDown severity=critical',
    'alertname=FlowStalled severity=critical flow=tokens status=monitoring',
    true,
  ],
  [
    'alertname=SourceDatabaseDown severity=critical',
    'alertname=FlowStalled severity=critical tier=2 flow=tokens',
    true,
  ],
  [
    'alertname=SourceDatabaseDown severity=critical',
    'alertname=SourceDatabaseDown severity=critical tier=2',
    false,
  ],
  [
    'alertname=SourceDatabaseDown severity=critical',
    'alertname=ApiErrorsHigh severity=critical api=market',
    false,
  ],
  [
    'alertname=SourceDatabaseDown severity=critical',
    'alertname=SloBudgetBurning severity=critical slo=api',
    false,
  ],
  [
    'alertname=SourceDatabaseDown severity=critical',
    'alertname=SloBudgetBurning severity=critical slo=in_time flow=tokens',
    true,
  ],
  [
    'alertname=FlowStalled severity=warning flow=tokens status=monitoring',
    'alertname=FlowItemsStuck severity=warning flow=tokens status=monitoring',
    true,
  ],
  [
    'alertname=FlowStalled severity=warning flow=tokens status=monitoring',
    'alertname=FlowItemsStuck severity=critical flow=tokens status=monitoring',
    false,
  ],
  [
    'alertname=FlowStalled severity=warning flow=tokens status=monitoring',
    'alertname=FlowBacklogGrowing severity=error flow=tokens status=monitoring',
    true,
  ],
  [
    'alertname=CircuitBreakerOpen severity=warning breaker=market api=market',
    'alertname=ApiLatencyDegraded severity=error api=market',
    true,
  ],
  [
    'alertname=CircuitBreakerOpen severity=warning breaker=market api=market',
    'alertname=ApiLatencyDegraded severity=error api=prices',
    false,
  ],
  [
    'alertname=CircuitBreakerOpen severity=warning breaker=market api=market',
    'alertname=ApiErrorsHigh severity=critical api=market',
    false,
  ],
  [
    'alertname=FilesystemFull severity=critical mountpoint=/',
    'alertname=FilesystemExhaustionPredicted severity=warning mountpoint=/',
    true,
  ],
  ['alertname=MemoryHigh severity=critical', 'alertname=MemoryExhaustionPredicted severity=warning', true],
  ['alertname=MemoryHigh severity=warning', 'alertname=MemoryExhaustionPredicted severity=warning', false],
];

describe('an alert', () => {
  for (const [number, [source, target, muted]] of CASES.entries()) {
    it(`${source} ${muted ? 'mutes' : 'does not mute'} ${target}`, async () => {
      const [first, second] = [labelsOf(source, number), labelsOf(target, number)];
      await alertmanager.post([{ labels: first }, { labels: second }]);
      const found = await read(number);
      const [ofSource, ofTarget] = [first, second].map(
        (labels) =>
          found.find((one) => JSON.stringify(sorted(one.labels)) === JSON.stringify(sorted(labels)))!,
      );
      // Where nothing is muted, the target may be the louder one and mute the source.
      if (muted) expect(ofSource!.status.inhibitedBy).toEqual([]);
      expect(ofTarget!.status.inhibitedBy.length > 0).toBe(muted);
    });
  }
});

interface ListedAlert {
  readonly labels: Labels;
  readonly status: { readonly inhibitedBy: readonly string[] };
}

/** Waits until both are listed: posting answers before they are stored. */
async function read(number: number): Promise<ListedAlert[]> {
  for (;;) {
    const filter = encodeURIComponent(`job="case${number}"`);
    const answer = await fetch(`${alertmanager.url}/api/v2/alerts?filter=${filter}`);
    const listed = (await answer.json()) as ListedAlert[];
    if (listed.length === 2) return listed;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function sorted(labels: Labels): [string, string][] {
  return Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
}
