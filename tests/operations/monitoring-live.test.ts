/** Checks that what a running exporter tells of Prometheus and Alertmanager is what these two say when asked directly. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type AlertmanagerServer, startAlertmanagerOn } from '../harness/alertmanager.js';
import {
  type ExporterProcess,
  eventually,
  runCli,
  startExporterProcess,
  writeConfig,
} from '../harness/exporter.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { freePort } from '../harness/ports.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { WATCHDOG_LABELS } from './bundled-watchdog.js';
import { MINUTES, past } from './made-up-past.js';
import { type PastPrometheus, startPastPrometheus } from './past-prometheus.js';

const directory = scratchDirectory('monitoring');
let database: FreshDatabase;
let exporter: ExporterProcess;
let prometheus: PastPrometheus;
let alertmanager: AlertmanagerServer;
let own: string;

const ALERTMANAGER = `route: { receiver: oncall, group_by: [alertname, flow], group_wait: 0s, group_interval: 1s }
receivers: [{ name: oncall }]
`;

beforeAll(async () => {
  database = await freshDatabase();
  await database.sql`create table tokens (id text primary key, status text not null)`;
  const ports = [await freePort(), await freePort()] as const;
  const target = `127.0.0.1:${ports[0]}`;
  own = `job="flowgauge",instance="${target}"`;
  alertmanager = await startAlertmanagerOn(ALERTMANAGER);
  const config = writeConfig(
    directory,
    `web: { listen_address: "${target}" }
source: { url: "${database.url}" }
prometheus: { url: "http://127.0.0.1:${ports[1]}" }
alertmanager: { url: "${alertmanager.url}" }
thresholds: { health_score: { warning: 70, critical: 60 } }
flows:
  tokens: { table: public.tokens, key: id, status: status, statuses: [monitoring, active] }
`,
  );
  const install = runCli(['install', '--apply', `--config.file=${config}`]);
  expect(await install.exit, install.output()).toBe(0);
  // The past ends well before now: where it met the live series, two scrapes would tell one story.
  const endSeconds = Math.floor(Date.now() / 60_000) * 60 - 120;
  prometheus = await startPastPrometheus(ports[1], target, past(endSeconds));
  exporter = await startExporterProcess(config);
  await eventually(
    () => prometheus.value(`flowgauge_start_time_seconds{${own}}`, Date.now() / 1000),
    (value) => value !== undefined,
  );
}, 120_000);

afterAll(async () => {
  await exporter?.stop();
  await prometheus?.stop();
  await alertmanager?.stop();
  await database?.drop();
  removeScratch(directory);
});

/** What the exporter answers; which fields there are is what the tests are about. */
// biome-ignore lint/suspicious/noExplicitAny: the document is read field by field, each compared with a value
type Body = Record<string, any>;

/** An answer whose span ended at a whole minute that is known: one that began before and ended after is asked again. */
async function withinOneMinute(path: string): Promise<{ readonly body: Body; readonly at: number }> {
  for (;;) {
    const minute = Math.floor(Date.now() / 60_000);
    const body = await json(path);
    if (Math.floor(Date.now() / 60_000) === minute) return { body, at: minute * 60 };
  }
}

async function json(path: string): Promise<Body> {
  const answer = await fetch(`${exporter.url}${path}`, { signal: AbortSignal.timeout(30_000) });
  const body = await answer.text();
  expect([path, answer.status, answer.status === 200 ? '' : body]).toEqual([path, 200, '']);
  return JSON.parse(body) as Body;
}

describe('/api/monitoring/performance/history', () => {
  it('tells the points, trends and sums that Prometheus gives when asked directly', async () => {
    const { body, at: to } = await withinOneMinute('/api/monitoring/performance/history?hours=3');
    const { history } = body;
    expect([history.period_hours, history.step_seconds]).toEqual([3, 60]);
    const points = history.data_points as { timestamp: string; [value: string]: number | string | null }[];
    const seconds = points.map(({ timestamp }) => Date.parse(timestamp) / 1000);
    const mean = (name: string) => `avg_over_time(${name}{${own}}[60s])`;
    const direct = {
      memory_percent: `100 * ${mean('system_memory_used_bytes')} / ${mean('system_memory_total_bytes')}`,
      cpu_percent: `100 * ${mean('system_cpu_utilization_ratio')}`,
      transitions_per_minute: `60 * sum(rate(flow_transitions_total{${own}}[120s]))`,
    };
    for (const [name, query] of Object.entries(direct)) {
      const told = points
        .map((point, n) => [seconds[n]!, point[name]] as const)
        .filter(([, value]) => value !== null);
      const asked = await prometheus.points(query, to - 3 * 3600, to, 60);
      expect(told.length).toBeGreaterThan(MINUTES - 10);
      expect([name, told]).toEqual([name, asked]);
    }
    for (const [name, trend] of [
      ['memory_percent', 'memory_trend'],
      ['cpu_percent', 'cpu_trend'],
    ] as const) {
      const over = async (what: string) => prometheus.value(`${what}((${direct[name]})[3h:60s])`, to);
      const { slope_per_hour: slope, r2 } = history.trends[trend];
      const perHour = 3600 * (await over('deriv'))!;
      expect(slope).toBeCloseTo(perHour, 8);
      expect(r2).toBeGreaterThanOrEqual(0);
      const { min, max, mean: average, last } = history.summary[name];
      expect(min).toBe(await over('min_over_time'));
      expect(max).toBe(await over('max_over_time'));
      expect(average).toBeCloseTo((await over('avg_over_time'))!, 8);
      expect(last).toBe(points.map((point) => point[name]).findLast((value) => value !== null));
    }
    expect(history.trends.memory_trend).toMatchObject({ direction: 'rising' });
    const sum = await prometheus.value(`sum(increase(flow_transitions_total{${own}}[3h]))`, to);
    expect(history.summary.total_tokens_processed).toBeCloseTo(sum!, 2);
    expect(sum).toBeGreaterThan(MINUTES * 25);
  });

  it('says that there is nothing where nothing is', async () => {
    const stranger = await startStranger();
    const answer = await fetch(`${stranger.url}/api/monitoring/performance/history`);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
      503,
      'PROMETHEUS_FAILED',
    ]);
    const other = await fetch(`${stranger.url}/api/monitoring/alerts/groups`);
    expect([other.status, ((await other.json()) as { code: string }).code]).toEqual([503, 'NOT_CONFIGURED']);
  });
});

/** An exporter whose Prometheus is gone, and who has no Alertmanager. */
async function startStranger(): Promise<ExporterProcess> {
  const folder = scratchDirectory('stranger');
  onTestFinished(() => removeScratch(folder));
  const other = await startExporterProcess(
    writeConfig(
      folder,
      `web: { listen_address: "127.0.0.1:0" }
source: { url: "${database.url}" }
prometheus: { url: "http://127.0.0.1:${await freePort()}" }
`,
    ),
  );
  onTestFinished(() => other.kill());
  return other;
}

describe('/api/monitoring/thresholds/suggestions', () => {
  it('tells the quantiles and shares that Prometheus gives when asked directly, and proposes by them', async () => {
    const { body, at } = await withinOneMinute('/api/monitoring/thresholds/suggestions');
    const reportOf = (metric: string) =>
      body.thresholds.find((one: { metric: string }) => one.metric === metric);
    const cases = [
      ['cpu_utilization_ratio', `max(instance:cpu_utilization:avg5m{${own}})`, '>'],
      ['filesystem_utilization_ratio', `max(mountpoint:filesystem_utilization:ratio{${own}})`, '>'],
      ['health_score', `min(max_over_time(health_score{${own}}[2m]))`, '<'],
    ] as const;
    for (const [metric, query, side] of cases) {
      const report = reportOf(metric);
      const week = (text: string) => `((${text})[7d:1m])`;
      expect(report.samples).toBe(await prometheus.value(`count_over_time${week(query)}`, at));
      for (const q of [5, 25, 50, 75, 95, 99]) {
        const direct = await prometheus.value(`quantile_over_time(${q / 100}, (${query})[7d:1m])`, at);
        expect([metric, q, report.observed[`p${q}`]]).toEqual([metric, q, expect.closeTo(direct!, 9)]);
      }
      for (const { current_threshold: limit, exceeded_share: share } of report.severities) {
        const direct = await prometheus.value(`avg_over_time${week(`${query} ${side} bool ${limit}`)}`, at);
        expect([metric, limit, share]).toEqual([metric, limit, expect.closeTo(direct!, 9)]);
      }
    }
    const proposed = (metric: string) =>
      body.suggestions
        .filter((one: { metric: string }) => one.metric === metric)
        .map((one: { severity: string; suggested_threshold: number }) => [
          one.severity,
          one.suggested_threshold,
        ]);
    const cpu = reportOf('cpu_utilization_ratio').observed;
    // Above 0.7 for most of the time: the quietest limit goes to p95, which lies above the next two and is refused there.
    expect(cpu.p95).toBeGreaterThan(0.85);
    const info = reportOf('cpu_utilization_ratio').severities[0];
    expect(info.exceeded_share).toBeGreaterThan(0.5);
    expect(proposed('filesystem_utilization_ratio')).toEqual([
      ['warning', Number(reportOf('filesystem_utilization_ratio').observed.p75.toPrecision(4))],
    ]);
    expect(proposed('health_score')).toEqual([['warning', reportOf('health_score').observed.p25]]);
    expect(reportOf('heap_utilization_ratio').severities[0]).toMatchObject({
      advice: 'not enough samples',
      exceeded_share: 0,
    });
    expect(reportOf('heap_utilization_ratio').samples).toBeGreaterThanOrEqual(50);
    expect(proposed('heap_utilization_ratio')).toEqual([]);
    expect(body.count).toBe(body.suggestions.length);
  });
});

describe('/api/monitoring/alerts/groups', () => {
  it('tells the groups of Alertmanager', async () => {
    const started = new Date(Date.now() - 60_000).toISOString();
    const later = new Date(Date.now() - 30_000).toISOString();
    const labels = { alertname: 'FlowItemsStuck', flow: 'tokens', severity: 'warning' };
    await alertmanager.post([
      {
        labels: { ...labels, status: 'monitoring' },
        annotations: { summary: 'tokens are stuck' },
        startsAt: started,
      },
      {
        labels: { ...labels, status: 'active' },
        annotations: { summary: 'tokens are stuck' },
        startsAt: later,
      },
      { labels: { alertname: 'CpuHigh', instance: 'a:1', severity: 'critical' }, startsAt: later },
      { labels: WATCHDOG_LABELS, startsAt: started },
    ]);
    const body = await eventually(
      () => json('/api/monitoring/alerts/groups'),
      ({ statistics }) => statistics.active_alerts === 3,
    );
    expect(body.active_groups).toEqual(
      expect.arrayContaining([
        {
          group_id: 'oncall{alertname="FlowItemsStuck",flow="tokens"}',
          alert_type: 'FlowItemsStuck',
          component: 'tokens',
          severity: 'warning',
          count: 2,
          muted: 0,
          first_occurrence: started,
          last_occurrence: later,
          summary: 'tokens are stuck',
          receiver: 'oncall',
        },
        expect.objectContaining({ alert_type: 'CpuHigh', component: 'a:1', count: 1 }),
      ]),
    );
    expect(body.resolved_groups).toBeNull();
    expect(body.statistics).toMatchObject({ active_groups: 2, total_groups: 2, maintenance_mode: false });
  });
});

describe('days of a flow', () => {
  it('count what the table did, and add up to the counters', async () => {
    await eventually(
      async () => (await fetch(`${exporter.url}/-/ready`)).status,
      (status) => status === 200,
    );
    await database.sql`insert into tokens select n, 'monitoring' from generate_series(1, 5) n`;
    await database.sql`update tokens set status = 'active' where id in ('1', '2')`;
    await database.sql`delete from tokens where id = '1'`;
    const told = await eventually(
      () => json('/api/flows/tokens/transitions?days=7'),
      ({ transitions }) =>
        transitions.reduce((sum: number, one: { count: number }) => sum + one.count, 0) === 8,
    );
    expect(told.transitions).toEqual([
      { from: 'none', to: 'monitoring', count: 5 },
      { from: 'monitoring', to: 'active', count: 2 },
      { from: 'active', to: 'none', count: 1 },
    ]);
    const { days } = await json('/api/flows/tokens/daily');
    const sum = (field: string) =>
      days.reduce((all: number, day: Record<string, number>) => all + day[field]!, 0);
    expect([sum('arrived'), sum('moved'), sum('departed')]).toEqual([5, 2, 1]);
    const dashboard = await eventually(
      () => json('/api/monitoring/dashboard'),
      ({ token_statistics }) => token_statistics.total === 4,
    );
    expect(dashboard.token_statistics).toMatchObject({ monitoring: 3, active: 1, archived: null });
    const flow = await json('/api/monitoring/tokens/flow');
    expect(flow.token_counts).toMatchObject({ monitoring: 3, active: 1 });
    expect((await json('/api/monitoring/system/health')).memory.total_gb).toBeGreaterThan(0);
  });
});
