/** Owns the preview's pictures over time: lines, heat maps and states. */
import { clock, element, NAMED, nameOf, PALETTE, shown, worded } from './preview-words.mjs';

export function graph(panel, size) {
  const { custom = {}, unit } = panel.fieldConfig.defaults;
  const limits = new Map(
    panel.fieldConfig.overrides.map(({ matcher, properties }) => [
      matcher.options,
      NAMED[properties.find(({ id }) => id === 'color').value.fixedColor],
    ]),
  );
  const stacked = custom.stacking?.mode === 'normal';
  const all = panel.answers.flatMap(({ refId, legend, series }) =>
    series.map((one) => ({ name: nameOf(one.labels, legend), limit: limits.get(refId), values: one.values })),
  );
  const times = [...new Set(all.flatMap(({ values }) => values.map(([at]) => at)))].sort((a, b) => a - b);
  const below = times.map(() => 0);
  const columns = all.map(({ values, limit }) => {
    const known = new Map(values.map(([at, value]) => [at, Number(value)]));
    return times.map((at, index) => {
      const value = known.get(at);
      if (value === undefined || !Number.isFinite(value)) return null;
      if (!stacked || limit !== undefined)
        return custom.scaleDistribution?.type === 'log' && value <= 0 ? null : value;
      below[index] += value;
      return below[index];
    });
  });
  const lines = all.map(({ limit }, index) => ({
    stroke: limit ?? PALETTE[index % PALETTE.length],
    width: 1.3,
    dash: limit === undefined ? undefined : [6, 4],
    fill: limit === undefined && stacked ? `${PALETTE[index % PALETTE.length]}55` : undefined,
    points: { show: false },
    spanGaps: false,
  }));
  // Of a stack the highest is drawn first, so that the lower ones stay visible.
  const order = lines.map((_, index) => index);
  if (stacked) order.reverse();
  const box = element('div');
  const fixed = panel.fieldConfig.defaults;
  new window.uPlot(
    {
      width: size.width,
      height: size.height - 26,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: true },
        y:
          custom.scaleDistribution?.type === 'log'
            ? { distr: 3 }
            : { range: (_, low, high) => [fixed.min ?? Math.min(0, low), high > 0 ? high * 1.08 : 1] },
      },
      axes: [
        {
          size: 22,
          font: '9px DejaVu Sans',
          values: (_, ticks) => ticks.map(clock),
          grid: { stroke: '#eee' },
        },
        {
          size: 60,
          font: '9px DejaVu Sans',
          values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : shown(tick, unit))),
          grid: { stroke: '#eee' },
        },
      ],
      series: [{}, ...order.map((index) => lines[index])],
    },
    [times, ...order.map((index) => columns[index])],
    box,
  );
  const legend = element('div', { className: 'legend' });
  for (const [index, { name, limit }] of all.entries()) {
    const mark = element('i');
    mark.style.background = limit ?? PALETTE[index % PALETTE.length];
    legend.append(mark, name);
  }
  box.append(legend);
  return box;
}

export function heat(panel, size) {
  const buckets = panel.answers[0].series
    .map(({ labels, values }) => ({ bound: Number(labels.le.replace('+Inf', 'Infinity')), values }))
    .sort((a, b) => a.bound - b.bound);
  const times = [...new Set(buckets.flatMap(({ values }) => values.map(([at]) => at)))].sort((a, b) => a - b);
  const canvas = element('canvas', { width: size.width, height: size.height });
  const pen = canvas.getContext('2d');
  const [left, base] = [52, size.height - 18];
  const cell = { width: (size.width - left) / times.length, height: base / buckets.length };
  // Buckets are cumulative: each shows what it has more than the one below.
  const grid = buckets.map(({ values }) => new Map(values.map(([at, value]) => [at, Number(value)])));
  const more = (at, index) =>
    Math.max(0, (grid[index].get(at) ?? 0) - (index > 0 ? (grid[index - 1].get(at) ?? 0) : 0));
  const most = Math.max(1e-9, ...times.flatMap((at) => buckets.map((_, index) => more(at, index))));
  for (const [column, at] of times.entries()) {
    for (const index of buckets.keys()) {
      const share = Math.sqrt(more(at, index) / most);
      if (share < 0.02) continue;
      pen.fillStyle = `rgba(200, 90, 20, ${0.12 + 0.88 * share})`;
      pen.fillRect(
        left + column * cell.width,
        base - (index + 1) * cell.height,
        Math.ceil(cell.width),
        cell.height - 1,
      );
    }
  }
  pen.fillStyle = '#444';
  pen.font = '9px DejaVu Sans';
  for (const [index, { bound }] of buckets.entries()) {
    const text = Number.isFinite(bound) ? shown(bound, 's') : 'more';
    if (index % Math.ceil(buckets.length / 10) === 0) pen.fillText(text, 2, base - index * cell.height - 2);
  }
  for (const share of [0, 0.25, 0.5, 0.75]) {
    pen.fillText(
      clock(times[Math.floor(share * times.length)]),
      left + share * (size.width - left),
      size.height - 5,
    );
  }
  return canvas;
}

export function states(panel, size) {
  const box = element('div');
  const all = panel.answers.flatMap(({ legend, series }) => series.map((one) => ({ ...one, legend })));
  const ends = all.flatMap(({ values }) => values.map(([at]) => at));
  const [from, to] = [Math.min(...ends), Math.max(...ends)];
  const stepS = Math.max(5, ...all.slice(0, 1).map(({ values }) => (values[1]?.[0] ?? from) - values[0][0]));
  const high = Math.max(7, Math.min(60, (size.height - 26) / all.length - 2));
  const words = new Map();
  for (const { labels, legend, values } of all) {
    const line = element('div', { className: 'state' });
    const canvas = element('canvas', { width: size.width - 134, height: high });
    const pen = canvas.getContext('2d');
    for (const [at, value] of values) {
      const { text, colour } = worded(Number(value), panel);
      words.set(text, colour);
      pen.fillStyle = colour;
      const scale = (size.width - 134) / (to - from + stepS);
      pen.fillRect((at - from) * scale, 0, Math.ceil(stepS * scale) + 1, high - 1);
    }
    line.append(element('span', { textContent: nameOf(labels, legend) }), canvas);
    box.append(line);
  }
  const legend = element('div', { className: 'legend' });
  for (const [text, colour] of words) {
    const mark = element('i');
    mark.style.cssText = `background:${colour};height:8px`;
    legend.append(mark, text);
  }
  legend.append(`   ${clock(from)} to ${clock(to)}`);
  box.append(legend);
  return box;
}
