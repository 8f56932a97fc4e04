/** Owns the preview's pictures of one moment: large numbers, gauges, bars and tables. */
import { element, NAMED, nameOf, shown, worded } from './preview-words.mjs';

function latest(panel) {
  return panel.answers.flatMap(({ refId, legend, series }) =>
    series.map(({ labels, values }) => ({
      refId,
      name: nameOf(labels, legend),
      value: Number(values.at(-1)[1]),
    })),
  );
}

export function tiles(panel, size) {
  const box = element('div', { className: 'tiles' });
  box.style.height = `${size.height}px`;
  for (const { name, value } of latest(panel)) {
    const { text, colour } = worded(value, panel);
    const tile = element('div', { className: 'tile' });
    const filled = panel.options.colorMode === 'background';
    tile.style.cssText = filled ? `background:${colour};color:#fff` : `color:${colour}`;
    tile.append(element('b', { textContent: text }), element('span', { textContent: name }));
    box.append(tile);
  }
  return box;
}

export function arc(panel, size) {
  const configured = panel.transformations?.[0]?.options.configRefId;
  const values = latest(panel);
  const limit = values.find(({ refId }) => refId === configured)?.value;
  const { value } = values.find(({ refId }) => refId !== configured);
  const colour = limit !== undefined && value >= limit ? NAMED.red : NAMED.green;
  const [radius, middle, base] = [size.height * 0.62, size.width / 2, size.height * 0.85];
  const point = (share) => {
    const angle = Math.PI * (1 - Math.min(1, Math.max(0, share)));
    return `${middle + radius * Math.cos(angle)} ${base - radius * Math.sin(angle)}`;
  };
  const path = (from, to, stroke, thick) =>
    `<path d="M ${point(from)} A ${radius} ${radius} 0 0 1 ${point(to)}" fill="none" stroke="${stroke}" stroke-width="${thick}"/>`;
  const box = element('div');
  box.innerHTML = `<svg width="${size.width}" height="${size.height}">${path(0, 1, '#eceef0', 18)}${path(0, value, colour, 18)}${
    limit === undefined ? '' : path(limit, Math.min(1, limit + 0.01), NAMED.text, 26)
  }<text x="${middle}" y="${base}" text-anchor="middle" font-size="22" font-weight="bold" fill="${colour}">${shown(value, 'percentunit')}</text></svg>`;
  return box;
}

export function bars(panel) {
  const box = element('div');
  const { min = 0, unit, ...rest } = panel.fieldConfig.defaults;
  const max = rest.max ?? Math.max(...latest(panel).map(({ value }) => value), 1e-9);
  for (const { name, value } of latest(panel)) {
    const line = element('div', { className: 'bar' });
    const [outer, inner] = [element('div'), element('div')];
    const share = Math.min(1, Math.max(0, (value - min) / (max - min)));
    inner.style.cssText = `width:${share * 100}%;background:${worded(value, panel).colour}`;
    outer.append(inner);
    line.append(
      element('span', { textContent: name }),
      outer,
      element('em', { textContent: shown(value, unit) }),
    );
    box.append(line);
  }
  return box;
}

export function rows(panel) {
  const table = element('table');
  const { indexByName, renameByName } = panel.transformations.find(({ id }) => id === 'organize').options;
  const columns = Object.keys(indexByName).sort((a, b) => indexByName[a] - indexByName[b]);
  const line = (cells, kind) => {
    const tr = element('tr');
    for (const text of cells) tr.append(element(kind, { textContent: text }));
    table.append(tr);
  };
  line(
    columns.map((column) => renameByName[column]),
    'th',
  );
  for (const { labels } of panel.answers[0].series) {
    line(
      columns.map((column) => labels[column] ?? ''),
      'td',
    );
  }
  return table;
}
