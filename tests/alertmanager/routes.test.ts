/** Owns the table of who hears of which alert, asked of the real amtool for both ways of delivery. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AMTOOL, alertmanagerVersion } from '../harness/alertmanager.js';
import { renderInto, TEST_TOKEN } from '../harness/rendered-alertmanager.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';

const OPTIONAL = {
  PAGERDUTY_ROUTING_KEY: 'abcdefabcdefabcdefabcdefabcdefab',
  ALERT_EMAIL_TO: 'night@example.org',
  SMTP_SMARTHOST: '127.0.0.1:587',
  SMTP_USERNAME: 'night',
  SMTP_PASSWORD: 'a password',
  SLACK_WEBHOOK_URL: 'https://hooks.example.org/services/T0/B0/secret',
  ALERT_WEBHOOK_URL: 'https://hooks.example.org/secret',
  WATCHDOG_PING_URL: 'https://ping.example.org/secret',
};
const RELAY = { ALERT_DELIVERY: 'relay', RELAY_TOKEN: 'relay-token-of-the-tests' };

const VARIANTS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['native', {}],
  ['relay', RELAY],
  ['native with every optional receiver', OPTIONAL],
  ['relay with every optional receiver', { ...RELAY, ...OPTIONAL }],
];

const directories = new Map<string, string>();
beforeAll(() => {
  for (const [name, env] of VARIANTS) {
    const directory = scratchDirectory('routes');
    renderInto(directory, env, ['--alertmanager-version', alertmanagerVersion()]);
    directories.set(name, directory);
  }
});
afterAll(() => {
  for (const directory of directories.values()) removeScratch(directory);
});

function amtool(variant: string, ...args: readonly string[]): string {
  const file = join(directories.get(variant)!, 'alertmanager.yml');
  return execFileSync(
    AMTOOL,
    args.map((arg) => arg.replace('FILE', file)),
    { encoding: 'utf8' },
  ).trim();
}

describe('amtool check-config accepts', () => {
  for (const [name] of VARIANTS) {
    it(name, () => {
      const output = amtool(name, 'check-config', 'FILE');
      expect(output).toContain('SUCCESS');
      expect(output).toMatch(/1 templates/);
      expect(output).not.toContain(TEST_TOKEN);
    });
  }

  it('the bundled source itself, so that an editor of it can check it in place', () => {
    expect(
      execFileSync(AMTOOL, ['check-config', 'alertmanager/alertmanager.yml'], { encoding: 'utf8' }),
    ).toContain('SUCCESS');
  });
});

/** Labels → receivers without the optional ones, then with all of them. */
const TABLE: readonly (readonly [labels: string, receivers: string, withOptional: string])[] = [
  ['alertname=Watchdog severity=info', 'watchdog', 'watchdog-ping,watchdog'],
  ['alertname=Any severity=info', 'info', 'webhook,info'],
  ['alertname=Any severity=warning flow=tokens', 'warning', 'slack,webhook,warning'],
  ['alertname=Any severity=error api=market', 'critical', 'email,slack,webhook,critical'],
  ['alertname=Any severity=critical', 'critical', 'email,slack,webhook,critical'],
  ['alertname=Any severity=critical page=yes', 'critical', 'pagerduty,email,slack,webhook,critical'],
  ['alertname=Any severity=critical tier=2 page=yes', 'tier2', 'pagerduty,email,slack,webhook,tier2'],
  ['alertname=Any severity=critical tier=3 page=yes', 'tier3', 'pagerduty,email,slack,webhook,tier3'],
  [
    'alertname=Any severity=critical pipeline=notifications',
    'notifications-broken',
    'email,slack,webhook,notifications-broken',
  ],
  [
    'alertname=NotificationQueueOld severity=critical pipeline=notifications tier=2',
    'tier2-last-resort',
    'email,slack,webhook,tier2-last-resort',
  ],
  [
    'alertname=StoreDatabaseDown severity=critical',
    'notifications-broken',
    'email,slack,webhook,notifications-broken',
  ],
  [
    'alertname=TargetDown severity=critical tier=3',
    'tier3-last-resort',
    'email,slack,webhook,tier3-last-resort',
  ],
  ['alertname=SomebodyElses', 'warning', 'warning'],
  ['alertname=SomebodyElses severity=page', 'warning', 'webhook,warning'],
];

describe('amtool config routes test', () => {
  for (const [labels, receivers, withOptional] of TABLE) {
    for (const [variant] of VARIANTS) {
      const all = variant.includes('optional') ? withOptional : receivers;
      // The relay pings the dead man's switch itself.
      const expected = variant.startsWith('relay') ? all.replace('watchdog-ping,', '') : all;
      it(`${variant}: ${labels} → ${expected}`, () => {
        expect(amtool(variant, 'config', 'routes', 'test', '--config.file=FILE', ...labels.split(' '))).toBe(
          expected,
        );
      });
    }
  }

  it('finds a route that was taken away', () => {
    const directory = directories.get('native')!;
    const broken = join(directory, 'broken.yml');
    writeFileSync(broken, execFileSync('sed', ['s/tier="3"/tier="9"/', join(directory, 'alertmanager.yml')]));
    const answer = execFileSync(
      AMTOOL,
      ['config', 'routes', 'test', `--config.file=${broken}`, 'tier=3', 'severity=critical'],
      { encoding: 'utf8' },
    );
    expect(answer.trim()).toBe('critical');
  });
});
