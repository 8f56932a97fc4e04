/** Owns the relay as a real process under test: its configuration, Alertmanager's part of the talk, and what people got. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type ExporterProcess, startExporterProcess } from '../harness/exporter.js';
import { type FreshDatabase, freshDatabase } from '../harness/fresh-database.js';
import { pause } from '../harness/processes.js';
import type { FakeTelegram } from '../harness/telegram.js';
import { scratch, section } from './relay.js';

/** A database that is dropped after the test. */
export async function database(): Promise<FreshDatabase> {
  const fresh = await freshDatabase();
  onTestFinished(() => fresh.drop());
  return fresh;
}

/** Writes the configuration of an exporter that only relays; answers the file's path. */
export function relayConfig(
  databaseUrl: string,
  telegram: FakeTelegram,
  chats: Readonly<Record<string, string>>,
  more: string,
): string {
  const directory = scratch();
  const file = join(directory, 'flowgauge.yml');
  const notifications = section(directory, telegram, chats, more);
  writeFileSync(
    file,
    `web: { listen_address: "127.0.0.1:0" }\nsource: { url: "${databaseUrl}" }\n${notifications}`,
    { mode: 0o600 },
  );
  return file;
}

/** An exporter that is killed when the test ends. */
export async function relayProcess(
  file: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ExporterProcess> {
  const exporter = await startExporterProcess(file, env);
  onTestFinished(() => exporter.kill());
  return exporter;
}

/** One POST as Alertmanager makes it; resolves with the status, 0 when there was no answer. */
export async function post(
  url: string,
  body: string,
  patienceMs = 10_000,
): Promise<{ readonly status: number; readonly retryAfter: string | null }> {
  try {
    const answer = await fetch(`${url}/api/alerts/webhook`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(patienceMs),
    });
    await answer.text();
    return { status: answer.status, retryAfter: answer.headers.get('retry-after') };
  } catch {
    return { status: 0, retryAfter: null };
  }
}

/** Posts until it is taken, as Alertmanager does; `url` is asked for each try, because the process may be another one. */
export async function postUntilTaken(url: () => string, body: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    const { status } = await post(url(), body);
    if (status === 200) return;
    if (status >= 400 && status < 500) throw new Error(`the webhook refused with ${status}`);
    await pause(200);
  }
  throw new Error('the webhook was not taken');
}
