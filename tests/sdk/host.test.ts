/** Checks that the package never harms its host: a real process in which everything given to it throws. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { projectRoot } from '../harness/exporter.js';

const run = promisify(execFile);

test('a host whose every hook throws gets its answers, no stray error, and an end by itself', async () => {
  const program = join(projectRoot, 'tests/sdk/host-program.mjs');
  const { stdout, stderr } = await run(process.execPath, [program], { timeout: 30_000 });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({
    answers: ['quote', 'static', 'static', 'static', 'static'],
    laterAnswers: ['quote', 'static'],
    troubles: [],
    listeners: [],
    globals: [],
    refreshFailures: expect.stringMatching(/^\d*[02468]$/),
    opened: expect.stringMatching(/^[1-9]/),
    outbound: expect.stringMatching(/^[1-9]/),
    ended: 'by itself',
  });
});
