/** Owns the proof that a file system without an answer costs one thread once, and its own series only. */
import { describe, expect, it } from 'vitest';
import { type BlockCounts, bytesUse, FilesystemReader } from '../../src/resources/filesystems.js';
import { mountPointOf, mountPoints } from '../../src/resources/mounts.js';

const COUNTS: BlockCounts = { bsize: 4096, blocks: 1000, bfree: 150, bavail: 100 };

describe('space', () => {
  it('is full when only root may still write', () => {
    expect(bytesUse(COUNTS)).toEqual({ usedBytes: 850 * 4096, totalBytes: 950 * 4096 });
    const { usedBytes, totalBytes } = bytesUse({ ...COUNTS, bfree: 50, bavail: 0 });
    expect(usedBytes).toBe(totalBytes);
  });
});

describe('a reader', () => {
  it('asks a silent file system once, goes on with the others, and shows it again when it is back', async () => {
    const asked: string[] = [];
    let answer: (counts: BlockCounts) => void = () => {};
    const reader = new FilesystemReader({
      wanted: () => ['/', '/nfs'],
      mounted: () => new Set(['/', '/nfs']),
      patienceMs: 20,
      statfs: (path) => {
        asked.push(path);
        if (path === '/') return Promise.resolve(COUNTS);
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
    });
    for (let round = 0; round < 3; round += 1) {
      const { mounts, failed } = await reader.read();
      expect([...mounts.keys()]).toEqual(['/']);
      expect(failed.get('/nfs')).toMatchObject({ code: 'RESOURCE_MOUNT_SILENT' });
    }
    expect(asked.filter((path) => path === '/nfs')).toHaveLength(1);

    answer(COUNTS);
    await Promise.resolve();
    const again = reader.read();
    answer(COUNTS);
    expect([...(await again).mounts.keys()].sort()).toEqual(['/', '/nfs']);
    expect(asked.filter((path) => path === '/nfs')).toHaveLength(2);
  });

  it('does not show the disk below a mount point where nothing is mounted', async () => {
    const reader = new FilesystemReader({ wanted: () => ['/', '/backup'], mounted: () => new Set(['/']) });
    const { mounts, failed } = await reader.read();
    expect([...mounts.keys()]).toEqual(['/']);
    expect(failed.get('/backup')).toMatchObject({
      code: 'RESOURCE_MOUNT_MISSING',
      message: 'nothing is mounted at /backup: mount it, or take it out of resources.mountpoints',
    });
  });
});

describe('mount points', () => {
  it('are read with blanks in their names, and found for a path', () => {
    const text =
      '22 1 8:1 / / rw - ext4 /dev/sda1 rw\n' +
      '30 22 8:2 / /var/lib rw - ext4 /dev/sda2 rw\n' +
      '31 22 8:3 / /mnt/a\\040b\\134c rw - ext4 /dev/sda3 rw\n';
    const points = mountPoints(text);
    expect([...points]).toEqual(['/', '/var/lib', '/mnt/a b\\c']);
    expect(mountPointOf('/var/lib/flowgauge/data', points)).toBe('/var/lib');
    expect(mountPointOf('/var/library', points)).toBe('/');
    expect(mountPointOf('/', points)).toBe('/');
  });
});
