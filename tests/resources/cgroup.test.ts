/** Owns the proof that the limits of a container are found in every layout of control groups, and none where there is none. */
import { describe, expect, it } from 'vitest';
import { cpuLimit, findCgroups, memoryLimit } from '../../src/resources/cgroup.js';
import { machineWith, mountLine } from './machine-folder.js';

const GIB = 1024 ** 3;
const NO_LIMIT_OF_ONE = '9223372036854771712\n';

function limitsOf(files: Readonly<Record<string, string>>) {
  const { read } = machineWith(files);
  const groups = findCgroups(read);
  return { memory: memoryLimit(groups, 8 * GIB, read), cpu: cpuLimit(groups, 2, read) };
}

const two = {
  '/proc/self/cgroup': '0::/\n',
  '/proc/self/mountinfo': mountLine('/', '/sys/fs/cgroup', 'cgroup2', 'rw,nsdelegate'),
};

const one = (path: string, root = '/') => ({
  '/proc/self/cgroup': `5:cpu,cpuacct:${path}\n4:memory:${path}\n1:name=systemd:${path}\n`,
  '/proc/self/mountinfo':
    mountLine(root, '/sys/fs/cgroup/memory', 'cgroup', 'rw,memory') +
    mountLine(root, '/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct') +
    mountLine(root, '/sys/fs/cgroup/systemd', 'cgroup', 'rw,name=systemd'),
});

describe('version 2', () => {
  it('in a container that sees only its own group', () => {
    const limits = limitsOf({
      ...two,
      '/sys/fs/cgroup/memory.max': `${512 * 1024 ** 2}\n`,
      '/sys/fs/cgroup/memory.current': '300000000\n',
      '/sys/fs/cgroup/memory.stat': 'anon 1\nfile 2\ninactive_file 100000000\nactive_file 5\n',
      '/sys/fs/cgroup/cpu.max': '50000 100000\n',
      '/sys/fs/cgroup/cpu.stat': 'usage_usec 1500000\nuser_usec 1\n',
    });
    expect(limits).toEqual({
      memory: { usedBytes: 200_000_000, totalBytes: 512 * 1024 ** 2 },
      cpu: { cores: 0.5, usedSeconds: 1.5 },
    });
  });

  it('takes the tightest group above its own, and what is used of that one', () => {
    const limits = limitsOf({
      ...two,
      '/proc/self/cgroup': '0::/a.slice/b.service\n',
      '/sys/fs/cgroup/a.slice/b.service/memory.max': 'max\n',
      '/sys/fs/cgroup/a.slice/b.service/memory.current': '1\n',
      '/sys/fs/cgroup/a.slice/b.service/cpu.max': '150000 100000\n',
      '/sys/fs/cgroup/a.slice/b.service/cpu.stat': 'usage_usec 1\n',
      '/sys/fs/cgroup/a.slice/memory.max': `${GIB}\n`,
      '/sys/fs/cgroup/a.slice/memory.current': '700\n',
      '/sys/fs/cgroup/a.slice/cpu.max': '100000 100000\n',
      '/sys/fs/cgroup/a.slice/cpu.stat': 'usage_usec 9000000\n',
    });
    expect(limits).toEqual({
      memory: { usedBytes: 700, totalBytes: GIB },
      cpu: { cores: 1, usedSeconds: 9 },
    });
  });

  it('has no limit at max, nor above what the machine has', () => {
    const files = { ...two, '/sys/fs/cgroup/memory.max': 'max\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' };
    expect(limitsOf(files)).toEqual({ memory: undefined, cpu: undefined });
    const wide = {
      ...two,
      '/sys/fs/cgroup/memory.max': `${9 * GIB}\n`,
      '/sys/fs/cgroup/memory.current': '1\n',
      '/sys/fs/cgroup/cpu.max': '400000 100000\n',
    };
    expect(limitsOf(wide)).toEqual({ memory: undefined, cpu: undefined });
  });

  it('at the root of the machine, which has none of these files', () => {
    expect(limitsOf(two)).toEqual({ memory: undefined, cpu: undefined });
  });
});

describe('version 1', () => {
  it('in a container whose mount begins at its own group', () => {
    const limits = limitsOf({
      ...one('/docker/abc', '/docker/abc'),
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${GIB}\n`,
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': '500\n',
      '/sys/fs/cgroup/memory/memory.stat': 'inactive_file 400\ntotal_inactive_file 100\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '25000\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage': '2500000000\n',
    });
    expect(limits).toEqual({
      memory: { usedBytes: 400, totalBytes: GIB },
      cpu: { cores: 0.25, usedSeconds: 2.5 },
    });
  });

  it('of a group of the machine, the quota and the used time in hierarchies of their own', () => {
    const limits = limitsOf({
      '/proc/self/cgroup': '3:cpu:/a\n2:cpuacct:/a\n1:memory:/a\n',
      '/proc/self/mountinfo':
        mountLine('/', '/cg/cpu', 'cgroup', 'rw,cpu') + mountLine('/', '/cg/cpuacct', 'cgroup', 'rw,cpuacct'),
      '/cg/cpu/a/cpu.cfs_quota_us': '150000\n',
      '/cg/cpu/a/cpu.cfs_period_us': '100000\n',
      '/cg/cpuacct/a/cpuacct.usage': '7000000000\n',
      '/cg/cpuacct/cpuacct.usage': '9000000000\n',
    });
    expect(limits).toEqual({ memory: undefined, cpu: { cores: 1.5, usedSeconds: 7 } });
  });

  it('of a group below the one that the container begins at', () => {
    const limits = limitsOf({
      ...one('/docker/abc/job', '/docker/abc'),
      '/sys/fs/cgroup/memory/job/memory.limit_in_bytes': '3000\n',
      '/sys/fs/cgroup/memory/job/memory.usage_in_bytes': '500\n',
    });
    expect(limits.memory).toEqual({ usedBytes: 500, totalBytes: 3000 });
  });

  it('has no limit at its huge number and at a quota of −1', () => {
    const limits = limitsOf({
      ...one('/'),
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': NO_LIMIT_OF_ONE,
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': '500\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
    });
    expect(limits).toEqual({ memory: undefined, cpu: undefined });
  });
});

describe('both at once', () => {
  it('a controller is where version 1 has it, the others where version 2 has them', () => {
    const limits = limitsOf({
      '/proc/self/cgroup': '1:memory:/m\n0::/u\n',
      '/proc/self/mountinfo':
        mountLine('/', '/cg/memory', 'cgroup', 'rw,memory') + mountLine('/', '/cg/unified', 'cgroup2', 'rw'),
      '/cg/memory/m/memory.limit_in_bytes': '2000\n',
      '/cg/memory/m/memory.usage_in_bytes': '1000\n',
      '/cg/unified/u/cpu.max': '100000 100000\n',
      '/cg/unified/u/cpu.stat': 'usage_usec 4000000\n',
    });
    expect(limits).toEqual({
      memory: { usedBytes: 1000, totalBytes: 2000 },
      cpu: { cores: 1, usedSeconds: 4 },
    });
  });
});

describe('both at once, the other way round', () => {
  it('processors are where version 1 has them although version 2 is mounted', () => {
    const limits = limitsOf({
      '/proc/self/cgroup': '2:cpu:/c\n1:cpuacct:/c\n0::/u\n',
      '/proc/self/mountinfo':
        mountLine('/', '/cg/unified', 'cgroup2', 'rw') +
        mountLine('/', '/cg/cpu', 'cgroup', 'rw,cpu') +
        mountLine('/', '/cg/cpuacct', 'cgroup', 'rw,cpuacct'),
      '/cg/cpu/c/cpu.cfs_quota_us': '50000\n',
      '/cg/cpu/c/cpu.cfs_period_us': '100000\n',
      '/cg/cpuacct/c/cpuacct.usage': '1000000000\n',
    });
    expect(limits.cpu).toEqual({ cores: 0.5, usedSeconds: 1 });
  });
});

describe('nothing to see', () => {
  it('without control groups there is no limit', () => {
    expect(limitsOf({ '/proc/self/mountinfo': '' })).toEqual({ memory: undefined, cpu: undefined });
  });

  it('a limit whose use cannot be read is an error, not a guess', () => {
    const files = { ...two, '/sys/fs/cgroup/memory.max': '1000\n' };
    expect(() => limitsOf(files)).toThrow(/memory.current/);
  });
});
