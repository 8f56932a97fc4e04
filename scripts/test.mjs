/** Owns `npm test`: installs what is missing, then type check, lint, build, generated files, and every test. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, installPackages, installTestTools, root, run } from './prepare.mjs';

installPackages();
installTestTools();
run('npm', ['run', '--silent', 'check']);
build();
run(process.execPath, ['dist/cli.js', 'docs', '--check']);

const scratch = mkdtempSync(join(tmpdir(), 'flowgauge-test-'));
const report = join(scratch, 'report.json');
const result = spawnSync(
  'npx',
  [
    '--no-install',
    'vitest',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit' },
);
let counts;
try {
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'));
  counts = { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests };
} catch (error) {
  console.error(`The test run left no report: ${error.message}`);
}
rmSync(scratch, { recursive: true, force: true });
if (counts !== undefined) {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  console.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`);
}
process.exit(counts === undefined || counts.passed === 0 ? 1 : (result.status ?? 1));
