/** Owns measuring the memory of the exporter in the demo: journal mode on the embedded database, after a minute. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { samplesOf, startDemoProcess } from '../tests/harness/exporter.js';
import { residentMibOf } from './process-use.js';
import type { BenchResult } from './result.js';

const SECONDS = 60;
const SCRAPE_EVERY_MS = 5_000;

export async function run(): Promise<BenchResult[]> {
  const directory = mkdtempSync(join(tmpdir(), 'flowgauge-bench-'));
  // The embedded server runs as another user when we are root, and must get through.
  chmodSync(directory, 0o755);
  const demo = await startDemoProcess(join(directory, 'data'), []);
  try {
    const pid = demo.child.pid!;
    const endMs = performance.now() + SECONDS * 1000;
    while (performance.now() < endMs) {
      await demo.metrics();
      await new Promise((resolve) => setTimeout(resolve, SCRAPE_EVERY_MS));
    }
    const moves = samplesOf(await demo.metrics(), 'flow_transitions_total').values();
    const counted = [...moves].reduce((sum, value) => sum + value, 0);
    const method = `the process of the demo after ${SECONDS} s, scraped every ${SCRAPE_EVERY_MS / 1000} s; the token market runs in the same process; ${counted.toLocaleString('en')} moves counted`;
    return [
      {
        name: 'memory of the demo',
        ours: residentMibOf(pid, 'now'),
        unit: 'MiB',
        method,
        atMost: { ours: 150 },
      },
      { name: 'memory of the demo at most', ours: residentMibOf(pid, 'highest'), unit: 'MiB', method },
    ];
  } finally {
    await demo.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
