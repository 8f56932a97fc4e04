/** Owns `npm run preview`: draws every panel of the dashboards from live answers into docs/images. It is not Grafana. */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { build, root } from './prepare.mjs';

const HELP = `Usage: npm run preview -- [flags]

Draws the dashboards of grafana/generated with uPlot in a headless Chromium, one picture each.

  --prometheus URL   ask this Prometheus; without it a demo is started, watched and stopped
  --minutes N        time range of the pictures, and how long a demo is watched before (default 20)
  --out FOLDER       where the pictures go (default docs/images)
`;
/** The largest picture that may be committed, in bytes. */
const MAX_BYTES = 200_000;
const WIDTH = 1080;
const ROW = 24;

const { values } = parseArgs({
  options: {
    prometheus: { type: 'string' },
    minutes: { type: 'string', default: '20' },
    out: { type: 'string', default: 'docs/images' },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const minutes = Number(values.minutes);
if (!(minutes >= 1 && minutes <= 1440)) {
  console.error(`--minutes is ${values.minutes}; write a number from 1 to 1440.`);
  process.exit(2);
}

const SCRIPTS = ['preview-page.mjs', 'preview-now.mjs', 'preview-time.mjs', 'preview-words.mjs'];
/** Seconds between two points of a picture. */
const stepS = Math.max(5, Math.round((minutes * 60) / 90));
const scratch = mkdtempSync(join(tmpdir(), 'flowgauge-preview-'));
// The embedded database runs as another user when we are root.
chmodSync(scratch, 0o755);
for (const name of SCRIPTS) copyFileSync(join(root, 'scripts', name), join(scratch, name));
const demo = values.prometheus === undefined ? await startDemo() : undefined;
try {
  const url = values.prometheus ?? demo.url;
  mkdirSync(join(root, values.out), { recursive: true });
  const folder = join(root, 'grafana', 'generated');
  for (const name of readdirSync(folder)) {
    await draw(url, JSON.parse(readFileSync(join(folder, name), 'utf8')));
  }
} finally {
  await demo?.stop();
  rmSync(scratch, { recursive: true, force: true });
}

/** The demo with a fault in it, so that there is something to see. */
async function startDemo() {
  build();
  const child = spawn(
    process.execPath,
    [
      ...['dist/cli.js', 'demo', '--data', join(scratch, 'demo'), '--web.listen-address', '127.0.0.1:0'],
      ...['--scenario', 'api-outage', '--scenario-start', `${Math.ceil(minutes * 20)}s`],
      ...['--scenario-lasts', `${Math.ceil(minutes * 10)}s`],
    ],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  const url = () => /^Prometheus: +(http:\/\/[^/]+)\//m.exec(text)?.[1];
  for (let tries = 0; url() === undefined; tries += 1) {
    if (child.exitCode !== null || tries > 600 || /not started/.test(text)) {
      await stop();
      throw new Error(`the demo did not start a Prometheus: ${text}`);
    }
    await pause(100);
  }
  console.log(`Watching the demo for ${minutes} minutes …`);
  await pause(minutes * 60_000);
  return { url: url(), stop };
}

/** Draws one dashboard. */
async function draw(url, dashboard) {
  // One moment for all questions: answers with other times could not share an axis.
  const end = Math.floor(Date.now() / 1000);
  const panels = [];
  const errors = [];
  for (const panel of dashboard.panels) {
    const answers = [];
    for (const target of panel.targets ?? []) {
      const answer = await ask(url, target, end);
      if (answer.error !== undefined) errors.push(`${panel.title} ${target.refId}: ${answer.error}`);
      answers.push({ refId: target.refId, legend: target.legendFormat, series: answer.series ?? [] });
    }
    panels.push({ ...panel, answers });
  }
  const rows = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const height = rows * ROW + 50;
  const page = join(scratch, `${dashboard.uid}.html`);
  writeFileSync(page, pageOf({ title: dashboard.title, panels, width: WIDTH, row: ROW, nowS: end, minutes }));
  const picture = join(root, values.out, `${dashboard.uid}.png`);
  const flags = [
    ...[
      '--headless',
      '--disable-gpu',
      '--hide-scrollbars',
      '--disable-lcd-text',
      '--virtual-time-budget=5000',
    ],
    // The page's scripts are files beside it.
    '--allow-file-access-from-files',
    `--user-data-dir=${join(scratch, 'chromium')}`,
    `--window-size=${WIDTH},${height}`,
    `--screenshot=${picture}`,
    // Chromium's sandbox refuses to work as root, as in most containers; the page is ours.
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  ];
  const result = spawnSync('chromium', [...flags, `file://${page}`], { encoding: 'utf8', timeout: 60_000 });
  if (result.status !== 0) throw new Error(`chromium: ${result.error?.message ?? result.stderr}`);
  const { size } = statSync(picture);
  console.log(`${picture}: ${Math.round(size / 1000)} kB`);
  if (size > MAX_BYTES) errors.push(`the picture is larger than ${MAX_BYTES / 1000} kB`);
  for (const error of errors) {
    console.error(`  ${error}`);
    process.exitCode = 1;
  }
}

/** One question, asked as Grafana does with every variable at "All". */
async function ask(url, { expr, range }, end) {
  const query = expr
    .replaceAll('$__rate_interval', `${Math.max(30, stepS)}s`)
    // Steps of five minutes are wide for the minutes of a demo.
    .replaceAll('[30d:5m]', `[${minutes}m:15s]`)
    .replace(/\$(\w+)/g, '.+');
  const parameters = new URLSearchParams(
    range ? { query, start: end - minutes * 60, end, step: stepS } : { query, time: end },
  );
  const answer = await fetch(`${url}/api/v1/query${range ? '_range' : ''}`, {
    method: 'POST',
    body: parameters,
  });
  const body = await answer.json();
  if (body.status !== 'success') return { error: body.error };
  if (body.data.resultType === 'scalar') return { series: [{ labels: {}, values: [body.data.result] }] };
  return {
    series: body.data.result.map(({ metric, value, values: many }) => ({
      labels: metric,
      values: many ?? [value],
    })),
  };
}

function pageOf(data) {
  const uplot = join(root, 'node_modules', 'uplot', 'dist');
  // A text that closes the script would end it early.
  const json = JSON.stringify(data).replaceAll('<', '\\u003c');
  return `<!doctype html><meta charset="utf-8"><title>preview</title>
<style>${readFileSync(join(uplot, 'uPlot.min.css'), 'utf8')}</style>
<body><script>${readFileSync(join(uplot, 'uPlot.iife.min.js'), 'utf8')}</script>
<script>window.preview = ${json};</script><script type="module" src="preview-page.mjs"></script></body>`;
}
