/** Owns docs/promql.md: each recorded series with the question it answers and what a running Prometheus answers now. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { root } from './prepare.mjs';

/** What people ask, by the recorded series that answers. */
export const QUESTIONS = {
  'instance:threshold:effective': 'Which limit holds for this process?',
  'instance:host:up': 'Which services use the library without a configuration of their own?',
  'flow_from_to:transitions_per_minute:rate5m': 'How many items a minute make each move?',
  'flow:transitions_per_minute:rate5m': 'How many moves a minute does the flow make?',
  'flow:activations_per_hour:rate1h': 'How many items an hour become active?',
  'flow_from:leavers:increase1h': 'How many items left a status before `active` in the last hour?',
  'flow_from:activation_success:ratio1h': 'Which share of them became active?',
  'flow_status:arrivals:rate5m': 'How many items a second come into a status?',
  'flow_status:exits:rate5m': 'How many items a second leave it?',
  'flow_status:drain:rate5m': 'Does it empty (above 0) or fill (below 0), in items a second?',
  'flow_status:time_to_empty:seconds': 'How long until it is empty at this speed?',
  'flow_status:oldest_age:seconds': 'How long has its oldest item been waiting?',
  'flow_status:limit_used:ratio': 'How much of its limit has the oldest item used (1 = all)?',
  'flow_status:stays:increase1h': 'How many stays ended in the last hour?',
  'flow_status:stay_seconds:p50_rate1h': 'How long is the usual stay?',
  'flow_status:stay_seconds:p95_rate1h': 'How long are all stays but the longest 5 %?',
  'flow_status:stay_seconds:p99_rate1h': 'How long are all stays but the longest 1 %?',
  'flow:time_to_activation_seconds:p50_rate1h': 'How long does an item usually take to become active?',
  'flow:time_to_activation_seconds:p95_rate1h': 'How long do all but the slowest 5 % take?',
  'flow:time_to_activation_seconds:p99_rate1h': 'How long do all but the slowest 1 % take?',
  'flow:transitions:rate15m': 'How many moves a second, over a quarter of an hour?',
  'flow:transitions:rate1h': 'How many moves a second, over an hour?',
  'flow:transitions_usual:rate15m': 'How many are usual at this time of the day and of the week?',
  'flow:transitions_deviation:rate15m': 'By how much does that sway?',
  'flow:transitions_band_lower:rate15m': 'From which rate down is it unusual?',
  'flow:transitions_band_upper:rate15m': 'From which rate up is it unusual?',
  'api:requests:rate5m': 'How many requests a second go to an API?',
  'api:errors:rate5m': 'How many of them a second fail?',
  'api:errors:ratio_rate5m': 'Which share fails?',
  'api:throttled:ratio_rate5m': 'Which share is told to slow down (429)?',
  'api:latency_seconds:p50_rate5m': 'How fast does the API usually answer?',
  'api:latency_seconds:p95_rate5m': 'How fast are all answers but the slowest 5 %?',
  'api:latency_seconds:p99_rate5m': 'How fast are all answers but the slowest 1 %?',
  'api:latency_seconds:mean_rate15m': 'How fast does it answer on average?',
  'api:latency_usual_seconds:mean_1d': 'And over its own last day?',
  'breaker:open:ratio_rate5m': 'Which share of the time was a circuit breaker open?',
  'breaker:openings:increase1h': 'How often did it open within an hour?',
  'policy:retry_calls:increase10m': 'How many calls under a retry ended in the last 10 minutes?',
  'policy:retried_calls:ratio10m': 'Which share of them had to be repeated?',
  'policy:fallback_stale:ratio_rate10m': 'Which share of the answers came from the fallback?',
  'limiter:calls:rate5m': 'How many calls a second ask a limiter for a permit?',
  'limiter:rejected:ratio_rate5m': 'Which share of them is turned away?',
  'channel:notification_attempts:increase1h': 'How many messages did we try to send in the last hour?',
  'channel:notification_success:ratio1h': 'Which share of the attempts succeeded?',
  'channel:notification_delivery_seconds:p95_rate1h':
    'How long do all but the slowest 5 % of the messages take?',
  'instance:cpu_utilization:avg5m': 'How busy are the cores?',
  'instance:cpu_utilization:deriv30m': 'By how much does that change each second?',
  'instance:memory_utilization:ratio': 'How full is the memory?',
  'instance:memory_used_bytes:deriv1h': 'By how many bytes a second does it fill?',
  'mountpoint:filesystem_utilization:ratio': 'How full is each disk?',
  'instance:process_memory_growth:bytes3h': 'By how many bytes has a process grown in 3 hours?',
  'instance:process_memory_growth:ratio3h': 'And as a share of what it had?',
  'instance:event_loop_delay_seconds:p99_rate5m': 'How late does the event loop run at worst, but for 1 %?',
  'instance:heap_utilization:ratio': 'How full is the JavaScript heap?',
  'instance:file_descriptors:ratio': 'Which share of the files it may hold open does a process hold?',
  'probe:duration_seconds:mean_rate10m': 'How long does a probe take?',
  'probe:postgres_connections:ratio': 'Which share of the connections of a server is taken?',
  'probe:redis_memory:ratio': 'How full is the memory of a Redis?',
  'probe:redis_hits:ratio_rate10m': 'Which share of the look-ups does Redis answer from memory?',
  'slo:budget:ratio': 'Which share of the events may be bad?',
  'flow_status_le:limit:info': 'Which bucket of the stays ends at the limit of the status?',
};
for (const window of ['5m', '30m', '1h', '2h', '6h', '1d']) {
  QUESTIONS[`slo:events:increase${window}`] = `How many events of an objective were there within ${window}?`;
  QUESTIONS[`slo:bad:ratio_rate${window}`] = `Which share of them was bad?`;
}
for (const window of ['5m', '1h']) QUESTIONS[`slo:bad:increase${window}`] = 'How many of them were bad?';

/** The recorded series in the order of the files, each once, with its file. */
export function recordedSeries() {
  const folder = join(root, 'prometheus', 'rules');
  const found = new Map();
  for (const file of readdirSync(folder)) {
    for (const { rules } of parse(readFileSync(join(folder, file), 'utf8')).groups) {
      for (const { record } of rules) if (record !== undefined && !found.has(record)) found.set(record, file);
    }
  }
  return found;
}

async function answerOf(prometheus, name) {
  const response = await fetch(`${prometheus}/api/v1/query?query=${encodeURIComponent(name)}`);
  const { data } = await response.json();
  const best = data.result.find(({ value }) => Number(value[1]) !== 0) ?? data.result[0];
  if (best === undefined) return '–';
  const labels = Object.entries(best.metric)
    .filter(([label]) => !['__name__', 'job', 'instance'].includes(label))
    .map(([label, value]) => `${label}="${value}"`);
  return `\`{${labels.join(', ')}}\` ${Number(Number(best.value[1]).toPrecision(4))}`;
}

async function cookbook(prometheus, setting) {
  const lines = [
    '# Cookbook of recorded series',
    '',
    'Made by `node scripts/promql-cookbook.mjs PROMETHEUS_URL` against a running Prometheus with the bundled rules.',
    `The answers here are of ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC: ${setting}`,
    'One answer is shown where there are several; `job` and `instance` are left out. `–` means that there was none.',
    'Every series keeps `job` and `instance`; where several exporters serve one store, take `max without (instance)`.',
    '',
  ];
  let last;
  for (const [name, file] of recordedSeries()) {
    if (QUESTIONS[name] === undefined)
      throw new Error(`${name} of ${file} answers no question; add it to QUESTIONS`);
    if (file !== last)
      lines.push(...(last ? [''] : []), `## ${file}`, '', '| question | series | answer |', '|---|---|---|');
    last = file;
    lines.push(`| ${QUESTIONS[name]} | \`${name}\` | ${await answerOf(prometheus, name)} |`);
  }
  return `${lines.join('\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [prometheus = 'http://127.0.0.1:9090', setting = 'the demo.'] = process.argv.slice(2);
  writeFileSync(join(root, 'docs', 'promql.md'), await cookbook(prometheus.replace(/\/$/, ''), setting));
}
