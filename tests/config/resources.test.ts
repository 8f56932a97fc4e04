/** Owns the proof of what the sections `resources` and `health` become, and of their defaults. */
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';

const env = { DATABASE_URL: 'postgres://app@127.0.0.1/app' };

describe('resources and health', () => {
  it('are on by default, with the documented pauses and weights', () => {
    const { resources, health } = parseConfig('', { env });
    expect(resources).toEqual({
      enabled: true,
      intervalMs: 5_000,
      slowIntervalMs: 30_000,
      mountpoints: undefined,
      devices: undefined,
    });
    expect(health).toEqual({ weights: { memory: 0.4, cpu: 0.3, load: 0.3 } });
  });

  it('take every key, and paths without their last slash', () => {
    const text = `resources:
  enabled: false
  interval: 15s
  slow_interval: 1m
  mountpoints: [/, /var//lib/, /mnt/a b]
  devices: [eth0, wg-0.1]
health: { weights: { memory: 1, cpu: 0, load: '.5' } }
`;
    const { resources, health } = parseConfig(text, { env });
    expect(resources).toEqual({
      enabled: false,
      intervalMs: 15_000,
      slowIntervalMs: 60_000,
      mountpoints: ['/', '/var/lib', '/mnt/a b'],
      devices: ['eth0', 'wg-0.1'],
    });
    expect(health.weights).toEqual({ memory: 1, cpu: 0, load: 0.5 });
  });

  it('keep the other weights when one is given', () => {
    expect(parseConfig('health: {weights: {load: 0}}', { env }).health.weights).toEqual({
      memory: 0.4,
      cpu: 0.3,
      load: 0,
    });
  });
});
