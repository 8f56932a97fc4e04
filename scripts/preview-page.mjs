/** Owns the page of the preview: the panels in their places, drawn in a browser from answers of Prometheus. */
import { arc, bars, rows, tiles } from './preview-now.mjs';
import { graph, heat, states } from './preview-time.mjs';
import { element } from './preview-words.mjs';

const { title, panels, width, row, nowS, minutes } = window.preview;
const DRAWN = {
  timeseries: graph,
  stat: tiles,
  gauge: arc,
  bargauge: bars,
  heatmap: heat,
  'state-timeline': states,
  table: rows,
};
const STYLE = `
body { margin: 0; background: #f2f3f5; font: 12px/1.3 "DejaVu Sans", sans-serif; color: #24292e; }
h1 { font-size: 17px; margin: 0; padding: 10px 12px 0; height: 30px; }
h1 small { font-weight: normal; font-size: 11px; color: #777; margin-left: 12px; }
.panel { position: absolute; box-sizing: border-box; padding: 5px 7px; background: #fff; border: 1px solid #dcdfe3; border-radius: 3px; overflow: hidden; }
.row { position: absolute; font-weight: bold; padding: 8px 12px 0; }
.title { font-weight: bold; font-size: 11px; white-space: nowrap; overflow: hidden; height: 16px; }
.legend { font-size: 9px; line-height: 12px; height: 24px; overflow: hidden; }
.legend i, .mark { display: inline-block; width: 9px; height: 3px; margin: 0 3px 2px 6px; }
.none { color: #999; text-align: center; padding-top: 14%; }
.tiles { display: flex; flex-wrap: wrap; gap: 4px; align-content: stretch; }
.tile { flex: 1 0 30%; border-radius: 3px; text-align: center; display: flex; flex-direction: column; justify-content: center; }
.tile b { font-size: 19px; }
table { border-collapse: collapse; width: 100%; font-size: 10px; }
td, th { text-align: left; padding: 2px 5px; border-bottom: 1px solid #eceef0; white-space: nowrap; }
.bar { display: flex; align-items: center; height: 24px; font-size: 11px; }
.bar span { width: 26%; } .bar em { font-style: normal; width: 20%; text-align: right; }
.bar div { flex: 1; height: 14px; background: #eceef0; } .bar div div { height: 14px; }
.state { display: flex; align-items: center; font-size: 9px; line-height: 1; } .state span { width: 130px; overflow: hidden; white-space: nowrap; }
`;

document.head.append(Object.assign(document.createElement('style'), { textContent: STYLE }));
const until = new Date(nowS * 1000).toISOString().slice(0, 16).replace('T', ' ');
const head = element('h1', { textContent: title });
head.append(
  element('small', {
    textContent: `drawn by npm run preview, not by Grafana: ${minutes} minutes until ${until} UTC`,
  }),
);
document.body.append(head);
for (const panel of panels) document.body.append(placed(panel));

function placed(panel) {
  const { x, y, w, h } = panel.gridPos;
  const box = element('div', { className: panel.type === 'row' ? 'row' : 'panel' });
  const cell = width / 24;
  box.style.cssText = `left:${x * cell + 3}px;top:${y * row + 42}px;width:${w * cell - 6}px;height:${h * row - 5}px`;
  if (panel.type === 'row') {
    box.textContent = panel.title;
    return box;
  }
  box.append(element('div', { className: 'title', textContent: panel.title }));
  const size = { width: w * cell - 22, height: h * row - 34 };
  const isEmpty = panel.answers.every(({ series }) => series.length === 0);
  const drawn = isEmpty
    ? element('div', { className: 'none', textContent: panel.fieldConfig.defaults.noValue ?? 'no data' })
    : DRAWN[panel.type](panel, size);
  box.append(drawn);
  return box;
}
