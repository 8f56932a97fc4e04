/** Owns the proof that the unit of systemd is valid, closed, and starts the program that is installed. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../harness/exporter.js';

const unit = join(projectRoot, 'systemd', 'flowgauge.service');
const text = readFileSync(unit, 'utf8');
const settings = new Map(
  [...text.matchAll(/^([A-Za-z]+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]),
);
const analyze = (...args: string[]) => spawnSync('systemd-analyze', [...args, unit], { encoding: 'utf8' });
const installed = analyze('--version').error === undefined;

describe('flowgauge.service', () => {
  it.skipIf(!installed)('is understood by systemd (skipped where systemd-analyze is not installed)', () => {
    const { status, stdout, stderr } = analyze('verify', '--man=no');
    // The program is not installed at its place on a test machine; nothing else may be complained about.
    const complaints = `${stdout}${stderr}`
      .split('\n')
      .filter((line) => line.includes('flowgauge.service') && !line.includes('is not executable'));
    expect(complaints).toEqual([]);
    expect([0, 1]).toContain(status);
  });

  it.skipIf(!installed)(
    'is exposed less than 2.0 of 10 (skipped where systemd-analyze is not installed)',
    () => {
      const { status, stdout, stderr } = analyze('security', '--offline=true', '--threshold=20');
      expect(status, `${stdout}${stderr}`).toBe(0);
      expect(stdout).toMatch(/Overall exposure level for flowgauge.service: [01]\.\d/);
    },
  );

  it('starts the program with a configuration and a secret that only the service sees', () => {
    expect(settings.get('ExecStart')).toMatch(/^\S+\/node \S+\/dist\/cli.js serve --config.file=\S+$/);
    expect(settings.get('LoadCredential')).toMatch(/^database_url:/);
    expect(text).toContain('DATABASE_URL_FILE=%d/database_url');
    expect(settings.get('DynamicUser')).toBe('yes');
  });

  it('reads the configuration again by the signal that the program takes', () => {
    expect(settings.get('ExecReload')).toMatch(/^\S+\/kill -HUP \$MAINPID$/);
  });

  it('is ready when the program says so, which its child may carry, and is begun anew when that falls silent', () => {
    expect(settings.get('Type')).toBe('notify');
    expect(settings.get('NotifyAccess')).toBe('all');
    expect(settings.get('TimeoutStartSec')).toBe('300s');
    expect(settings.get('WatchdogSec')).toBe('30s');
    // An abort writes a core, and passwords are in it.
    expect(settings.get('WatchdogSignal')).toBe('SIGTERM');
  });

  it('leaves more time for the end than the program takes, and does not repeat a wrong configuration', () => {
    expect(Number.parseInt(settings.get('TimeoutStopSec')!, 10)).toBeGreaterThan(14);
    expect(settings.get('Restart')).toBe('always');
    expect(settings.get('RestartPreventExitStatus')).toBe('2');
  });
});
