/** Owns `npm run alert-quality`: plays each fault of the demo through the real programs and writes docs/alert-quality.md. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, installPackages, installTestTools, root } from './prepare.mjs';

/** What tests/alertmanager/scenarios.test.ts plays; whatever is missing in its report did not come to an end. */
const SCENARIOS = ['stall', 'api-outage', 'burst', 'leak', 'none, for an hour'];

installPackages();
installTestTools();
build();
const scratch = mkdtempSync(join(tmpdir(), 'flowgauge-quality-'));
const file = join(scratch, 'results.jsonl');
const began = { at: new Date(), load: loadavg()[0] };
const run = spawnSync('npx', ['--no-install', 'vitest', 'run', 'tests/alertmanager/scenarios.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, FLOWGAUGE_ALERT_QUALITY: file },
});
const ended = { at: new Date(), load: loadavg()[0] };
const results = existsSync(file)
  ? readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  : [];
rmSync(scratch, { recursive: true, force: true });
writeFileSync(join(root, 'docs', 'alert-quality.md'), page(results));
console.log('wrote docs/alert-quality.md');
process.exit(run.status ?? 1);

function page(all) {
  const rows = SCENARIOS.map((name) => {
    const result = all.find(({ scenario }) => scenario === name);
    return `| ${(result === undefined ? missing(name) : row(result)).join(' | ')} |`;
  }).join('\n');
  const sent = all.map(({ scenario, alerts, early = [], refused }) => {
    const before = early.length === 0 ? [] : [`- before the fault: ${early.join(', ')}`];
    const faults = refused === 0 ? [] : [`- refused by Telegram, or over its limits: ${refused}`];
    const lines = [...before, ...alerts.map((line) => `- ${line}`), ...faults];
    return [`**${scenario}**`, '', ...(lines.length === 0 ? ['nothing'] : lines)].join('\n');
  });
  return `# How good the alerts are

Written by one run of \`npm run alert-quality\`, ${time(began.at)} to ${time(ended.at)} UTC, on ${cpus().length} × ${cpus()[0]?.model.trim()},
Node.js ${process.versions.node}, ${version('prometheus')}, ${version('prometheus-alertmanager')}. Load of the machine: ${began.load.toFixed(1)} before, ${ended.load.toFixed(1)} after.

| fault | first message | to | known after (played) | by the clock of the rules | over after (played) | messages | depth alert: known after (played) | depth alert: messages | as wished |
|---|---|---|---:|---:|---:|---:|---:|---:|---|
${rows}

## How it was made

The real demo, scraped by the real Prometheus with the bundled rules; the real Alertmanager with the bundled routes, one
chat per receiver; a Telegram of the tests that keeps the published limits. One run of each fault, whatever it showed; what
was not reached says so. "known after" counts from the begin of the fault to the first message that names it, "over after"
from its end to the message that says so; rules hold an alert for 5 minutes so that it does not flap. Messages are those
after the begin of the fault until that message, without the Watchdog's; what ends later still is not counted.

The depth alert is what people write who watch a queue alone: more than 100 items in \`monitoring\` for 5 minutes. Each
begin and each end of it is one message.

Read it with care:

- Quick motion: every length of time in rules and routes is divided by the factor in brackets (in the leak those of the rules
  about resources only; the others by 20). Market and limits of statuses go six times as fast as usual (three times in the hour
  without a fault), so what waits for a limit takes longer by the clock of the rules than it would. "by the clock of the rules" is the played time times the
  factor: about what the same fault takes in real time. The delay of Telegram itself is not in it.
- A busy machine makes the times longer, and may add messages: windows of minutes are few scrapes here.
- Alerts about the machine itself (processor, memory, disks, event loop, health score) are left out: they would speak of
  whatever else the machine does. Nobody has measured here how quiet those are.
- The hour without a fault is an hour of the rules: three minutes, after one for the opening of the market. What needs a day or a
  week of history (anomalies, dropped rates, slow burns) cannot fire in it, and is proven by \`prometheus/tests\` only.

## What was sent

Seconds since the begin of the fault, the receiver, and the first line.

${sent.join('\n\n')}
`;
}

function row(result) {
  const { scenario, factor, expected, alert, receiver, detectedSeconds, overSeconds, messages, bare } =
    result;
  const isCalm = expected === undefined;
  const figure = (text) => (isCalm ? '–' : (text ?? 'not reached'));
  const seconds = (value) => (typeof value === 'number' ? `${value.toFixed(0)} s` : undefined);
  const known = typeof detectedSeconds === 'number';
  const asWished = isCalm ? messages === 0 : known && typeof overSeconds === 'number';
  return [
    `${scenario} (${factor}×)`,
    figure(alert ?? `not ${expected}`),
    figure(receiver),
    figure(seconds(detectedSeconds)),
    figure(known ? `${((detectedSeconds * factor) / 60).toFixed(0)} min` : undefined),
    figure(seconds(overSeconds)),
    messages,
    seconds(bare.detectedSeconds) ?? 'never',
    bare.messages,
    asWished && result.refused === 0 && !(result.early?.length > 0) ? 'yes' : 'no',
  ];
}

function missing(name) {
  return [name, ...Array(8).fill('–'), 'no: the test did not come to its end'];
}

function time(date) {
  return date.toISOString().slice(0, 16).replace('T', ' ');
}

function version(program) {
  const { stdout, stderr } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return (
    /^\w+, version \S+/.exec(`${stdout}${stderr}`)?.[0].replace(', version', '') ?? `${program} (unknown)`
  );
}
