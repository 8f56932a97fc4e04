/** Owns finding and ending the embedded server that a killed exporter left behind. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pause, signalProcess } from '../harness/processes.js';

/** URL of the server that runs in an embedded directory. */
export function embeddedSourceUrl(directory: string): string {
  const port = readFileSync(join(directory, 'data', 'postmaster.pid'), 'utf8').split('\n')[3];
  const password = readFileSync(join(directory, 'password'), 'utf8').trim();
  return `postgres://flowgauge:${encodeURIComponent(password)}@127.0.0.1:${port}/flowgauge`;
}

/** Ends the server by its own process id, fast, and waits until it is gone. */
export async function stopEmbedded(directory: string): Promise<void> {
  const pidFile = join(directory, 'data', 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  signalProcess(pid, 'SIGINT');
  for (let waited = 0; waited < 10_000 && existsSync(pidFile); waited += 100) await pause(100);
}
