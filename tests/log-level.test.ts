/** Checks the level of the log while the process runs: who looks goes on looking, whatever is configured meanwhile. */
import { expect, it } from 'vitest';
import { LogLevelSwitch } from '../src/log-level.js';

it('a look at debug lines outlives a reload, and ends at the level that is configured then', () => {
  const levels: string[] = [];
  const level = new LogLevelSwitch({ setLevel: (one) => void levels.push(one), info: () => {} }, 'warn');
  level.toggle();
  level.take('error');
  level.toggle();
  level.take('info');
  expect(levels).toEqual(['debug', 'debug', 'error', 'info']);
});
