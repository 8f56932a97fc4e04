/** Owns the rules of Grafana's dashboard-linter, and a few of our own, over the committed dashboards. */
import { describe, expect, it } from 'vitest';
import { type Dashboard, generatedDashboards, type Panel, panelsOf, questionsOf } from './dashboard-files.js';
import { readPromql } from './promql-tree.js';

const SOURCE = '$' + '{datasource}';
/** These come from Prometheus and Alertmanager themselves, whose jobs are not among those that scrape us. */
const OTHERS = /^(ALERTS|alertmanager_\w+|prometheus_\w+)$/;
/** Of the units that Grafana knows, those that we use. */
const UNITS = /^(none|short|s|bytes|Bps|percentunit|dateTimeFromNow|reqps|cps|cpm|ops)$/;
const RATES = ['rate', 'increase', 'irate'];

const dashboards = generatedDashboards();

describe.each(dashboards)('$uid', (dashboard) => {
  const panels = panelsOf(dashboard);
  const variable = (name: string) => dashboard.templating.list.find((candidate) => candidate.name === name);

  it('is not editable, has a stable uid, a description and our tag', () => {
    expect(dashboard.uid).toMatch(/^flowgauge-[a-z]+$/);
    expect(dashboard).toMatchObject({ editable: false, tags: ['flowgauge'] });
    expect(dashboard).not.toHaveProperty('id');
    expect(dashboard.description).toMatch(/\.$|\?/);
  });

  it('lets the data source be chosen', () => {
    expect(dashboard.templating.list[0]).toMatchObject({
      name: 'datasource',
      label: 'Data source',
      type: 'datasource',
      query: 'prometheus',
    });
  });

  it.each([
    ['job', 'Job'],
    ['instance', 'Instance'],
  ])('lets %s be chosen', (name, label) => {
    expect(variable(name)).toMatchObject({
      label,
      type: 'query',
      datasource: { uid: SOURCE },
      multi: true,
      includeAll: true,
      allValue: '.+',
    });
  });

  it('asks for the values of each variable anew when the time range changes', () => {
    for (const { type, refresh, name } of dashboard.templating.list) {
      if (type === 'query') expect(refresh, name).toBe(2);
    }
  });

  it('names no data source', () => {
    for (const panel of panels) {
      expect(panel.datasource, panel.title).toEqual({ type: 'prometheus', uid: SOURCE });
      for (const target of panel.targets ?? []) expect(target.datasource.uid, panel.title).toBe(SOURCE);
    }
    for (const { datasource } of dashboard.annotations.list) expect(datasource.uid).toBe(SOURCE);
    expect(dashboard.annotations.list).toHaveLength(1);
  });

  it('keeps time range and choices on the way to another dashboard', () => {
    expect(dashboard.links).toMatchObject([
      { type: 'dashboards', tags: ['flowgauge'], includeVars: true, keepTime: true },
    ]);
  });

  it('has a title, a description, a unit and a question on each panel', () => {
    for (const panel of panels) {
      expect(panel.title, `panel ${panel.id}`).toMatch(/^[A-Z]/);
      expect(panel.description, panel.title).toMatch(/^[A-Z0-9].{15,}\.$/s);
      expect(panel.fieldConfig?.defaults.unit, panel.title).toMatch(UNITS);
      expect(panel.targets?.length, panel.title).toBeGreaterThan(0);
    }
  });

  it('fills its rows: no panel overlaps another, none leaves a hole', () => {
    expect(gridFaults(dashboard)).toEqual([]);
  });

  it('uses every variable', () => {
    const text = questionsOf(dashboard)
      .filter(({ where }) => !where.includes(': $'))
      .map(({ expr }) => expr)
      .join('\n');
    for (const { name, type } of dashboard.templating.list) {
      if (type === 'query') expect(text, name).toContain(`$${name}`);
    }
  });

  it('points from latencies to traces', () => {
    for (const panel of panels.filter(isLatency)) {
      const answers = panel.targets!.filter(({ expr }) => expr.includes('_duration_seconds_bucket'));
      expect(
        answers.every(({ exemplar }) => exemplar === true),
        panel.title,
      ).toBe(true);
    }
  });

  it('draws a limit as a line of its own', () => {
    for (const panel of panels.filter(({ type }) => type === 'timeseries')) {
      const limits = panel.targets!.filter(({ expr }) =>
        /:threshold:|flow_status_limit_seconds|slo:budget/.test(expr),
      );
      const styled = panel.fieldConfig!.overrides.map(({ matcher }) => matcher.options);
      const plain = limits.filter(({ refId, expr }) => !styled.includes(refId) && !expr.includes(' / '));
      expect(plain.map(({ refId }) => `${panel.title} ${refId}`)).toEqual([]);
    }
  });
});

describe.each(dashboards.flatMap(questionsOf))('$where', ({ where, expr }) => {
  it('keeps the rules of questions', () => {
    expect(questionFaults(expr, where.includes(': $'))).toEqual([]);
  });
});

it('each rule of questions sees its breach', () => {
  const target = 'job=~"$job",instance=~"$instance"';
  expect(questionFaults('flow_items', false)).toEqual([
    'flow_items is not chosen by job',
    'flow_items is not chosen by instance',
  ]);
  expect(questionFaults(`job_runs_total{${target}}`, false)).toEqual([
    'job_runs_total is a counter and shown without a rate',
  ]);
  expect(questionFaults(`rate(job_runs_total{${target}}[5m])`, false)).toEqual([
    'job_runs_total: rate over 5m instead of $__rate_interval',
  ]);
  expect(questionFaults(`rate(flow_items{${target}}[$__rate_interval])`, false)).toEqual([
    'flow_items is no counter and has a rate',
  ]);
});

/** Our answers' own windows, such as "within an hour", are said in the panel's description. */
function isOwnWindow(functionName: string | undefined, range: string): boolean {
  return functionName === 'increase' && range === '1h';
}

function questionFaults(expr: string, ofVariable: boolean): string[] {
  const asked = expr.replaceAll('[$__rate_interval]', '[999s]');
  return readPromql(asked).selectors.flatMap(({ metric, matchers, range, inside }) => {
    const faults: string[] = [];
    for (const label of ['job', 'instance']) {
      const isChosen = matchers.some(
        (m) => m.label === label && m.op === '=~' && m.value.startsWith(`$${label}`),
      );
      if (!isChosen && !OTHERS.test(metric) && !ofVariable)
        faults.push(`${metric} is not chosen by ${label}`);
    }
    const isCounter = /_(total|count|sum|bucket)$/.test(metric);
    const rate = inside.find((name) => RATES.includes(name));
    if (isCounter && rate === undefined && !ofVariable) {
      faults.push(`${metric} is a counter and shown without a rate`);
    }
    if (!isCounter && rate !== undefined) faults.push(`${metric} is no counter and has a rate`);
    if (rate !== undefined && range !== '999s' && !isOwnWindow(rate, range ?? '') && isCounter) {
      faults.push(`${metric}: ${rate} over ${range} instead of $__rate_interval`);
    }
    return faults;
  });
}

function isLatency({ type, targets }: Panel): boolean {
  const isDrawn = type === 'timeseries' || type === 'heatmap';
  return (
    isDrawn &&
    targets!.some(({ expr }) => expr.includes('_duration_seconds_bucket') && !expr.includes('flow_'))
  );
}

function gridFaults({ panels }: Dashboard): string[] {
  const cells = new Map<string, string>();
  const faults: string[] = [];
  for (const { gridPos, title = '' } of panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        const cell = `${x},${y}`;
        if (cells.has(cell)) faults.push(`${title} overlaps ${cells.get(cell)}`);
        if (x > 23) faults.push(`${title} is beyond the edge`);
        cells.set(cell, title);
      }
    }
  }
  const height = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  if (cells.size !== 24 * height) faults.push(`${24 * height - cells.size} cells are empty`);
  return [...new Set(faults)];
}
