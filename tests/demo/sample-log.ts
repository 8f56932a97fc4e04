/** Owns a generated event log with the features of a real one: repeats, ties, bursts, odd text, no order. */

import type { LogColumns } from '../../src/demo/event-log.js';
import { createRandom } from '../../src/demo/random.js';

export const SAMPLE_COLUMNS: LogColumns = { item: 'ticket', status: 'step', time: 'done at' };
export const SAMPLE_STATUSES = ['1', '2', 'waiting, for "parts"', 'выдан'];

/** A CSV text of at least this many events, the same for the same seed. Times are whole seconds. */
export function sampleLog(seed: number, events: number): string {
  const random = createRandom(seed);
  const rows: string[] = [];
  for (let item = 1; rows.length < events; item++) {
    let at = Date.UTC(2020, 0, 1) + Math.floor(random.uniform(0, 90 * 86_400)) * 1000;
    const length = 1 + random.poisson(3);
    const lines: string[] = [];
    for (let no = 0; no < length; no++) {
      const status = SAMPLE_STATUSES[Math.floor(random.uniform(0, 2.5) + random.uniform(0, 1.5))]!;
      lines.push(`"item ""${item}"",\nline two",${quote(status)},${timeText(at, item % 3)}`);
      // Some events fall into the very same second, some a week later.
      if (!random.chance(0.2)) at += Math.ceil(random.lognormal(3_000, 2)) * 1000;
    }
    // Whole items out of the order of time, as logs grouped by case are.
    rows.push(...lines);
  }
  return `ticket,step,done at\r\n${rows.join('\r\n')}\r\n`;
}

function quote(text: string): string {
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The same moment in three spellings. */
function timeText(at: number, spelling: number): string {
  const iso = new Date(at).toISOString();
  if (spelling === 0) return iso.slice(0, 19).replace('T', ' ');
  if (spelling === 1) return iso;
  return `${new Date(at + 2 * 3_600_000).toISOString().slice(0, 19)}+02:00`;
}
