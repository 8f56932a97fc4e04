/** Owns the proof of what the command line accepts, refuses and explains. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseFlags, renderHelp } from '../../src/config/flags.js';
import { ConfigError } from '../../src/config/problem.js';
import { renderConfigReference } from '../../src/config/reference.js';

function messageOf(argv: readonly string[]): string {
  try {
    parseFlags(argv);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

describe('the command line', () => {
  it('reads both spellings of a value', () => {
    const flags = parseFlags(['--config.file', 'a.yml', '--config.check', '--log.level=debug']);
    expect(flags).toEqual({
      configFile: 'a.yml',
      configCheck: true,
      help: false,
      version: false,
      overrides: [{ path: ['log', 'level'], text: 'debug', where: 'flag --log.level' }],
    });
    expect(parseFlags(['-h']).help).toBe(true);
    expect(parseFlags(['--version']).version).toBe(true);
  });

  it.each([
    [['--config.fil=x'], '--config.fil: is not a known flag. Did you mean --config.file?'],
    [['--web.listen-adress=:1'], 'Did you mean --web.listen-address?'],
    [['-x'], '--x: is not a known flag.'],
    [['--log.level'], '--log.level: has no value. Write --log.level=LEVEL.'],
    [['--log.level', '--config.check'], '--log.level: has no value.'],
    [['--log.level='], '--log.level: has no value.'],
    [['--config.check=yes'], '--config.check: takes no value. Write --config.check alone.'],
    [['--no-config.check'], 'is not a known flag.'],
    [['--log.level=info', '--log.level=warn'], '--log.level: is given twice. Keep one of them.'],
    [['serve'], '(command line): has an argument without a flag.'],
    [['--', '--log.level=info'], '(command line): has an argument without a flag.'],
  ])('refuses %j', (argv, expected) => {
    expect(messageOf(argv)).toContain(expected);
  });

  it('lists all wrong flags at once', () => {
    expect(messageOf(['--nope', '--config.check=1', 'x', '--log.level', '--help'])).toMatchInlineSnapshot(`
      "The configuration has 4 problems:
        --nope: is not a known flag. Did you mean --help? Otherwise remove it; known: --config.file, --config.check, --web.listen-address, --web.telemetry-path, --web.external-url, --web.config.file, --web.enable-admin-api, --log.level, --version, --help.
        --config.check: takes no value. Write --config.check alone.
        (command line): has an argument without a flag. Write --flag=value; see --help.
        --log.level: has no value. Write --log.level=LEVEL."
    `);
  });

  it('explains itself', () => {
    expect(renderHelp()).toMatchInlineSnapshot(`
      "Usage: flowgauge serve [flags]

      Counts the status changes of Postgres tables and serves them to Prometheus.

      Flags:
            --config.file=FILE              The configuration. Default: FLOWGAUGE_CONFIG, then ./flowgauge.yml if it exists.
            --config.check                  Check the configuration without connecting, then exit: 0 when it is good, 2 when not.
            --web.listen-address=HOST:PORT  Where the web pages and /metrics are served. Default: 127.0.0.1:9877.
            --web.telemetry-path=PATH       The path that Prometheus scrapes. Default: /metrics.
            --web.external-url=URL          The address under which people reach this process; used in links.
            --web.config.file=FILE          The web configuration file: TLS, users, tokens, roles and limits, with the keys of Prometheus’ exporters. Read again when it changes.
            --web.enable-admin-api=BOOL     Whether the routes exist that change something: /admin and /-/reload. Needs credentials with the role admin. Default: false.
            --log.level=LEVEL               The least important event that is logged. Default: info.
            --version                       Print the version and exit.
        -h, --help                          Print this text and exit.

      A flag wins over the environment, the environment over the file. The watched database comes from
      DATABASE_URL or DATABASE_URL_FILE, the store from STORE_URL or STORE_URL_FILE, or from the file.
      "
    `);
  });

  it('is part of the printed reference, which is up to date', async () => {
    await expect(renderConfigReference()).toMatchFileSnapshot(
      join(import.meta.dirname, '../../docs/configuration.md'),
    );
  });
});
