/** Owns `flowgauge render alertmanager`: reads the environment, writes the configuration, secrets in files of their own. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readAlertingVariables } from '../config/alerting-variables.js';
import type { Environment } from '../config/environment.js';
import {
  type AlertmanagerVersion,
  isAtLeast,
  MINIMUM_VERSION,
  renderAlertmanager,
  SECRET_FILES,
} from './alertmanager-config.js';
import type { Print } from './install.js';

export const RENDER_HELP = `Usage: flowgauge render alertmanager --out DIRECTORY [flags]

Writes alertmanager.yml, its templates, and one file of mode 0600 per secret. Minimum: Alertmanager 0.25.

  --out DIRECTORY                where to write
  --as DIRECTORY                 where Alertmanager finds what is written (default: --out), for containers
  --delivery native|relay        who writes to Telegram: Alertmanager, or Flowgauge (default native, or ALERT_DELIVERY)
  --alertmanager-version 0.28    which one will read it (default: the one installed here, else 0.26)

Environment; each secret also as NAME_FILE:
  TELEGRAM_BOT_TOKEN             from @BotFather
  TELEGRAM_CHAT_ID               the chat of everything that has none of its own:
  TELEGRAM_CHAT_ID_INFO, _WARNING, _CRITICAL, _TIER2, _TIER3, _WATCHDOG, _BROKEN
  RELAY_URL, RELAY_TOKEN         Flowgauge as Alertmanager reaches it (default http://127.0.0.1:9877)
  WATCHDOG_PING_URL              a dead man's switch outside of this machine
  ALERT_EMAIL_TO, ALERT_EMAIL_FROM, SMTP_SMARTHOST, SMTP_USERNAME, SMTP_PASSWORD
  SLACK_WEBHOOK_URL, SLACK_CHANNEL, PAGERDUTY_ROUTING_KEY, ALERT_WEBHOOK_URL
  TELEGRAM_API_URL               another Bot API server
`;

/** A wrong flag of `render`, or an Alertmanager that is too old. The message says which, the value and what to write. */
export class RenderOptionError extends Error {
  readonly code = 'RENDER_OPTION';
}

/** Without a version said or found: the first that reads secrets from files. */
const ASSUMED_VERSION: AlertmanagerVersion = [0, 26];

/** Runs the command. Throws RenderOptionError, or ConfigError with every problem of the environment. */
export function runRender(
  argv: readonly string[],
  parts: { readonly root: string; readonly env: Environment; readonly print: Print },
): void {
  const { root, env, print } = parts;
  const options = parseRenderOptions(argv);
  const variables = readAlertingVariables(env, options.delivery);
  const found = options.version ?? installedVersion();
  const version = found ?? ASSUMED_VERSION;
  if (!isAtLeast(version, MINIMUM_VERSION)) {
    throw new RenderOptionError(
      `Alertmanager ${version.join('.')} is too old; ${MINIMUM_VERSION.join('.')} is the oldest that can be configured.`,
    );
  }
  const bundle = join(root, 'alertmanager');
  const rendered = renderAlertmanager(readFileSync(join(bundle, 'alertmanager.yml'), 'utf8'), variables, {
    version,
    directory: options.as,
  });
  mkdirSync(join(options.out, 'templates'), { recursive: true });
  for (const name of readdirSync(join(bundle, 'templates'))) {
    write(join(options.out, 'templates', name), readFileSync(join(bundle, 'templates', name), 'utf8'), 0o644);
  }
  for (const name of Object.values(SECRET_FILES)) {
    const secret = rendered.secrets.get(name);
    if (secret === undefined) rmSync(join(options.out, name), { force: true });
    else write(join(options.out, name), secret.reveal(), 0o600);
  }
  write(join(options.out, 'alertmanager.yml'), rendered.config, rendered.isSecret ? 0o600 : 0o644);

  const from = options.version !== undefined ? 'as told' : found !== undefined ? 'found here' : 'assumed';
  print(
    `Wrote ${options.out} for Alertmanager ${version.join('.')} (${from}), delivery ${variables.delivery}.`,
  );
  if (rendered.isSecret)
    print('alertmanager.yml holds the tokens (0.25 reads none from files) and has mode 0600.');
  if (variables.delivery === 'relay' && variables.watchdogPingUrl !== undefined) {
    print('WATCHDOG_PING_URL is left to the relay, which pings once Telegram has confirmed.');
  }
  print(
    `Give the files to the user who runs Alertmanager, then: amtool check-config ${join(options.out, 'alertmanager.yml')}`,
  );
}

function parseRenderOptions(argv: readonly string[]) {
  const { values, positionals } = parseRenderArguments(argv);
  if (positionals.length !== 1 || positionals[0] !== 'alertmanager') {
    throw new RenderOptionError(
      `render is told ${JSON.stringify(positionals.join(' '))}; write: render alertmanager`,
    );
  }
  if (values.out === undefined) throw new RenderOptionError('--out is missing; write --out DIRECTORY.');
  const out = resolve(values.out);
  return {
    out,
    as: values.as ?? out,
    delivery: values.delivery,
    version:
      values['alertmanager-version'] === undefined ? undefined : parseVersion(values['alertmanager-version']),
  };
}

function parseRenderArguments(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        out: { type: 'string' },
        as: { type: 'string' },
        delivery: { type: 'string' },
        'alertmanager-version': { type: 'string' },
      },
    });
  } catch (error) {
    throw new RenderOptionError(
      `${error instanceof Error ? error.message : String(error)}\n\n${RENDER_HELP}`,
    );
  }
}

function parseVersion(text: string): AlertmanagerVersion {
  const match = /^v?(\d+)\.(\d+)(\.\d+)?$/.exec(text);
  if (match !== null) return [Number(match[1]), Number(match[2])];
  throw new RenderOptionError(`--alertmanager-version is ${JSON.stringify(text)}; write for example 0.28.`);
}

/** Debian calls the program prometheus-alertmanager. */
function installedVersion(): AlertmanagerVersion | undefined {
  for (const program of ['alertmanager', 'prometheus-alertmanager']) {
    const { stdout, stderr } = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 5_000 });
    const match = /version (\d+)\.(\d+)/.exec(`${stdout ?? ''}${stderr ?? ''}`);
    if (match !== null) return [Number(match[1]), Number(match[2])];
  }
  return undefined;
}

/** Whole or not at all: Alertmanager may read it again at any moment. */
function write(path: string, text: string, mode: number): void {
  const next = `${path}.next`;
  rmSync(next, { force: true });
  writeFileSync(next, text, { mode });
  // The umask takes bits from the mode above, and a shared templates folder must stay readable.
  chmodSync(next, mode);
  renameSync(next, path);
}
