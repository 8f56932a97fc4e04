/** Owns the rendering of the bundled Alertmanager configuration into a directory of a test. */
import { runRender } from '../../src/commands/render.js';
import { projectRoot } from './exporter.js';

/** What is set for a test that names nothing else: one chat per receiver, so that a message tells its receiver. */
export const TEST_CHATS = {
  TELEGRAM_CHAT_ID: '-100',
  TELEGRAM_CHAT_ID_INFO: '-101',
  TELEGRAM_CHAT_ID_WARNING: '-102',
  TELEGRAM_CHAT_ID_CRITICAL: '-103',
  TELEGRAM_CHAT_ID_TIER2: '-104',
  TELEGRAM_CHAT_ID_TIER3: '-105',
  TELEGRAM_CHAT_ID_WATCHDOG: '-106',
  TELEGRAM_CHAT_ID_BROKEN: '-107',
} as const;

/** A token of the right shape that no bot has. */
export const TEST_TOKEN = '7000000001:AAFakeTokenOfTheTests-0123456789abcdef';

/** Runs `flowgauge render alertmanager` with these variables; gives what it printed. Throws as the command does. */
export function renderInto(
  directory: string,
  env: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): string[] {
  const lines: string[] = [];
  runRender(['alertmanager', '--out', directory, ...flags], {
    root: projectRoot,
    env: { TELEGRAM_BOT_TOKEN: TEST_TOKEN, ...TEST_CHATS, ...env },
    print: (line) => lines.push(line),
  });
  return lines;
}
