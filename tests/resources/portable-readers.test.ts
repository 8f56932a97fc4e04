/** Checks that the readers of other systems agree, on this machine, with what the kernel itself tells. */
import { expect, test } from 'vitest';
import { linuxReaders } from '../../src/resources/linux-readers.js';
import { portableReaders } from '../../src/resources/portable-readers.js';
import type { Reader, ResourceReadings, ResourceSource } from '../../src/resources/sample.js';
import { systemFiles } from '../../src/resources/system-files.js';

const watched = { mountpoints: ['/'], devices: undefined, dataDirectory: undefined };
const MIB = 2 ** 20;

async function told<S extends ResourceSource>(
  readers: readonly Reader[],
  source: S,
): Promise<ResourceReadings[S]> {
  const reader = readers.find((one) => one.source === source);
  if (reader === undefined) throw new Error(`no reader of ${source}`);
  return (await reader.read(performance.now())) as ResourceReadings[S];
}

test.runIf(process.platform === 'linux')(
  'agree with the kernel on memory, swap, disks and file systems',
  async () => {
    const other = portableReaders(watched, process.platform);
    const own = linuxReaders(watched, systemFiles());

    const [memory, expected] = [await told(other, 'memory'), await told(own, 'memory')];
    // In a container with a limit the kernel's reader tells the limit, which no library knows.
    expect(memory.totalBytes).toBeGreaterThanOrEqual(expected.totalBytes);
    if (memory.totalBytes === expected.totalBytes) {
      expect(Math.abs(memory.usedBytes - expected.usedBytes)).toBeLessThan(512 * MIB);
    }
    expect((await told(other, 'swap')).totalBytes).toBe((await told(own, 'swap')).totalBytes);

    const [mounts, ownMounts] = [
      (await told(other, 'filesystem')).mounts,
      (await told(own, 'filesystem')).mounts,
    ];
    const [root, ownRoot] = [mounts.get('/')!, ownMounts.get('/')!];
    expect(Math.abs(root.totalBytes - ownRoot.totalBytes)).toBeLessThan(512 * MIB);
    expect(Math.abs(root.usedBytes - ownRoot.usedBytes)).toBeLessThan(512 * MIB);

    for (const [device, totals] of await told(own, 'network')) {
      const same = (await told(other, 'network')).get(device);
      expect(same?.receiveBytes).toBeGreaterThanOrEqual(totals.receiveBytes);
    }
  },
);

test('a mount point that is not there has failed, and the others are shown', async () => {
  const readers = portableReaders({ ...watched, mountpoints: ['/', '/no/such/mount'] }, 'darwin');
  const { mounts, failed } = await told(readers, 'filesystem');
  expect([...mounts.keys()]).toEqual(['/']);
  expect([...failed.keys()]).toEqual(['/no/such/mount']);
});

test('without a library that answers, a source fails alone', async () => {
  const broken = async () => {
    throw new Error('not for this system');
  };
  const readers = portableReaders(watched, 'darwin', broken);
  await expect(told(readers, 'memory')).rejects.toThrow('not for this system');
  expect((await told(readers, 'heap')).usedBytes).toBeGreaterThan(0);
});
