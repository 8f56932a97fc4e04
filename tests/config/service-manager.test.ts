/** Checks which environment asks for messages to a service manager, and how often. */
import { expect, test } from 'vitest';
import { readServiceManager } from '../../src/config/service-manager.js';

const PID = 42;
const SOCKET = { NOTIFY_SOCKET: '/run/systemd/notify' };

test.each([{}, { NOTIFY_SOCKET: '' }, { NOTIFY_SOCKET: 'vsock:2:1' }, { WATCHDOG_USEC: '30000000' }])(
  '%o asks for nothing',
  (env) => {
    expect(readServiceManager(env, PID)).toBeUndefined();
  },
);

test('the program that carries a message gets the socket and the path, and no secret of ours', () => {
  const env = { ...SOCKET, PATH: '/usr/bin', DATABASE_URL: 'postgres://u:secret@h/d' };
  expect(readServiceManager(env, PID)).toEqual({
    environment: { NOTIFY_SOCKET: '/run/systemd/notify', PATH: '/usr/bin' },
    keepAliveMs: undefined,
  });
});

test.each([
  [{ WATCHDOG_USEC: '30000000' }, 10_000],
  [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '42' }, 10_000],
  [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '43' }, undefined],
  [{ WATCHDOG_USEC: '1' }, 100],
  [{ WATCHDOG_USEC: '0' }, undefined],
  [{ WATCHDOG_USEC: '-5' }, undefined],
  [{ WATCHDOG_USEC: 'often' }, undefined],
  [{ WATCHDOG_USEC: '' }, undefined],
])('%o: a sign of life every %s ms', (env, everyMs) => {
  const manager = readServiceManager({ ...SOCKET, NOTIFY_SOCKET: '@abstract', ...env }, PID);
  expect(manager?.keepAliveMs).toBe(everyMs);
});
