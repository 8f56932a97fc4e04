/** Owns the chat under test: a relay with buttons, the real Alertmanager, and people who press and write. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { alertmanagerAt } from '../../src/alerts/alertmanager.js';
import type { ChatViews } from '../../src/chat-control.js';
import { ALERTMANAGER } from '../harness/alertmanager.js';
import { freePort } from '../harness/ports.js';
import { endProcess, pause, startProgram } from '../harness/processes.js';
import type { FakeTelegram } from '../harness/telegram.js';
import { scratch } from './relay.js';

/** The person who may act. */
export const ANNA = { id: 501, first_name: 'Anna' };
/** One who may not. */
export const MALLORY = { id: 666, first_name: 'Mallory' };

/** A real Alertmanager that notifies nobody, with the clean-up of the test. `url` stays when it is started again. */
export async function plainAlertmanager(flags: readonly string[] = []) {
  const directory = scratch();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  writeFileSync(join(directory, 'a.yml'), 'route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n');
  let child: ReturnType<typeof startProgram> | undefined;
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child !== undefined) await endProcess(child, [signal, 'SIGKILL'], 5_000);
    child = undefined;
  };
  const start = async (data = 'data') => {
    mkdirSync(join(directory, data), { recursive: true });
    child = startProgram({
      command: ALERTMANAGER,
      args: [
        `--config.file=${join(directory, 'a.yml')}`,
        `--storage.path=${join(directory, data)}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--cluster.listen-address=',
        ...flags,
      ],
      deathSignal: 'KILL',
      cwd: directory,
    });
    child.stdout?.resume();
    child.stderr?.resume();
    for (let tries = 0; tries < 300; tries += 1) {
      const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
      if (answer?.status === 200) return;
      await pause(50);
    }
    throw new Error('alertmanager does not become ready');
  };
  onTestFinished(() => stop());
  await start();
  return {
    url,
    client: alertmanagerAt(url),
    start,
    stop,
    /** Every silence that holds, by any tag. */
    async silences() {
      const all = (await (await fetch(`${url}/api/v2/silences`)).json()) as Array<{
        id: string;
        status: { state: string };
        comment: string;
        createdBy: string;
        startsAt: string;
        endsAt: string;
        matchers: { name: string; value: string; isEqual: boolean; isRegex: boolean }[];
      }>;
      return all.filter(({ status }) => status.state !== 'expired');
    },
    /** The alert fires, or has ended. */
    async post(labels: Readonly<Record<string, string>>, state: 'firing' | 'ended' = 'firing') {
      const nowMs = Date.now();
      const endsAt = new Date(state === 'firing' ? nowMs + 3_600_000 : nowMs - 1_000).toISOString();
      const body = [{ labels, startsAt: new Date(nowMs - 60_000).toISOString(), endsAt }];
      await fetch(`${url}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    },
  };
}

/** The key `actions` as a line of the bot's section. */
export function actionsLine(more = ''): string {
  return `actions: { enabled: true, users: [${ANNA.id}]${more} }`;
}

/** Two flows, one of them with stuck items. */
export const VIEWS: ChatViews = {
  flows: () => [
    { flow: 'tokens', verdict: 'stalled', statuses: [{ status: 'active', items: 7, stuckItems: 2 }] },
    { flow: 'orders', verdict: 'flowing', statuses: [{ status: 'open', items: 3, stuckItems: 0 }] },
  ],
  stuck: async () => ({
    totalStuck: 2,
    items: [
      { id: 'mint-1', status: 'active', ageSeconds: 7_500 },
      { id: 'mint-2', status: 'active', ageSeconds: 600 },
    ],
  }),
};

/** The texts of a chat's messages that begin so. */
export function textsWith(telegram: FakeTelegram, chat: string, part: string): string[] {
  return telegram
    .messages(chat)
    .map(({ text }) => text)
    .filter((text) => text.includes(part));
}
