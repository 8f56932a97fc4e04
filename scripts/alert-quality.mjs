/** Owns `npm run alert-quality`: plays each fault of the demo through the real programs and writes docs/alert-quality.md. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, installPackages, installTestTools, root } from './prepare.mjs';

installPackages();
installTestTools();
build();
const scratch = mkdtempSync(join(tmpdir(), 'flowgauge-quality-'));
const file = join(scratch, 'results.jsonl');
const run = spawnSync(
  'npx',
  ['--no-install', 'vitest', 'run', 'tests/alertmanager/scenarios.test.ts', ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit', env: { ...process.env, FLOWGAUGE_ALERT_QUALITY: file } },
);
const results = existsSync(file)
  ? readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  : [];
rmSync(scratch, { recursive: true, force: true });
if (results.length > 0) {
  writeFileSync(join(root, 'docs', 'alert-quality.md'), page(results));
  console.log('wrote docs/alert-quality.md');
}
process.exit(run.status ?? 1);

function page(all) {
  const rows = all.map((result) => `| ${row(result).join(' | ')} |`).join('\n');
  const names = all.map(
    ({ scenario, alerts }) => `- ${scenario}: ${alerts.length === 0 ? 'nothing' : alerts.join('; ')}`,
  );
  return `# How good the alerts are

Written by \`npm run alert-quality\` on ${new Date().toISOString().slice(0, 10)}, on ${cpus().length} × ${cpus()[0]?.model.trim()}.
Played with the real Prometheus and Alertmanager, the real demo, and a Telegram that keeps the published limits.

| fault | first message | to | known after (played) | is about | over after (played) | messages | depth alert: known after (played) | depth alert: messages |
|---|---|---|---:|---:|---:|---:|---:|---:|
${rows}

What is compared with: an alert on the depth alone, more than 100 items in \`monitoring\` for 5 minutes; each time it begins
and each time it ends is one message.

Read it with care:

- Quick motion: every length of time in rules and routes is divided by the factor in brackets, the limits of statuses
  by the same (by 20 at most, and by 5 in the hour without a fault); the demo's market runs at 1500x, five times as fast
  as usual. "is about" is the played time times the factor: what the
  same fault takes in real time, more or less. The delay of Telegram itself is not in it.
- One run of each, whatever it showed. A busy machine makes the times longer.
- Alerts about the machine itself (processor, memory, disks, event loop, health score) are left out, because tests run on
  a machine that other work keeps busy.
- In the leak, windows of hours are played in a minute and those of minutes in moments, shorter than two scrapes: the other
  messages there are an artefact of the quick motion.
- "over" counts from the end of the fault; rules hold an alert for 5 minutes so that it does not flap.

First lines of what was sent after the fault began:

${names.join('\n')}
`;
}

function row(result) {
  const { scenario, factor, alert, receiver, detectedSeconds, overSeconds, messages, bare } = result;
  const seconds = (value) => (value === undefined || value === null ? '–' : `${value.toFixed(0)} s`);
  const about = detectedSeconds === undefined ? '–' : `${((detectedSeconds * factor) / 60).toFixed(0)} min`;
  return [
    `${scenario} (${factor}×)`,
    alert ?? '–',
    receiver ?? '–',
    seconds(detectedSeconds),
    about,
    seconds(overSeconds),
    messages,
    bare.detectedSeconds === null ? 'never' : seconds(bare.detectedSeconds),
    bare.messages,
  ];
}
