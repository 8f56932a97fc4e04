/** Owns the proof that descendants are counted as they come and go, on a kernel that lists them and on one that does not. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { countDescendants, heapUse, linuxProcessUse } from '../../src/resources/process-use.js';
import { systemFiles } from '../../src/resources/system-files.js';
import { eventually } from '../harness/exporter.js';
import { ended } from '../harness/processes.js';
import { machineWith } from './machine-folder.js';

describe('descendants', () => {
  it('are those of this very process', async () => {
    const files = systemFiles();
    const before = countDescendants(files);
    if (!existsSync(`/proc/self/task/${process.pid}/children`)) {
      expect(before).toBeUndefined();
      return;
    }
    // A shell that waits for two sleepers: three descendants, of two generations.
    const child = spawn('sh', ['-c', 'sleep 60 & sleep 60 & wait'], { detached: true, stdio: 'ignore' });
    onTestFinished(() => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, 'SIGKILL');
    });
    const count = async () => countDescendants(files)! - before!;
    expect(await eventually(count, (more) => more === 3)).toBe(3);
    process.kill(-child.pid!, 'SIGKILL');
    await ended(child);
    expect(await eventually(count, (more) => more === 0)).toBe(0);
  });

  it('are followed through every thread and generation', () => {
    const files = machineWith({
      '/proc/self/task/1/children': '10 11 ',
      '/proc/self/task/2/children': '12 ',
      '/proc/10/task/10/children': '20 ',
      '/proc/20/task/20/children': '',
      '/proc/12/task/12/children': '',
    });
    // 11 has ended since it was listed: it was there.
    expect(countDescendants(files)).toBe(4);
  });

  it('are not known where the kernel keeps no lists', () => {
    const files = machineWith({ '/proc/self/task/1/status': '' });
    const without = {
      ...files,
      list: (path: string) => (path === '/proc/self/task' ? ['1'] : files.list(path)),
    };
    expect(countDescendants(without)).toBeUndefined();
  });
});

describe('this process', () => {
  it('uses memory, descriptors and heap below their limits', () => {
    const { residentBytes, openFds, maxFds } = linuxProcessUse(systemFiles());
    expect(residentBytes).toBeGreaterThan(10_000_000);
    expect(openFds).toBeGreaterThan(2);
    if (maxFds !== undefined) expect(openFds).toBeLessThan(maxFds);
    const heap = heapUse();
    expect(heap.usedBytes).toBeGreaterThan(1_000_000);
    expect(heap.usedBytes).toBeLessThan(heap.limitBytes);
  });
});
