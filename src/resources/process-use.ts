/** Owns what this process uses: memory, descriptors, and the processes that descend from it. */
import { getHeapStatistics } from 'node:v8';
import { readMaxFds } from './proc-text.js';
import type { HeapUse, ProcessUse } from './sample.js';
import type { SystemFiles } from './system-files.js';

/** More processes than this are not looked for: a runaway tree must not cost what counting it is for. */
const MAX_CHILDREN = 1_000;

/** The JavaScript heap now. */
export function heapUse(): HeapUse {
  const heap = getHeapStatistics();
  return { usedBytes: heap.used_heap_size, limitBytes: heap.heap_size_limit };
}

/** This process as Linux tells it. */
export function linuxProcessUse(files: SystemFiles): ProcessUse {
  return {
    residentBytes: process.memoryUsage.rss(),
    children: countDescendants(files),
    // One of them is the folder itself, open while it is read.
    openFds: files.list('/proc/self/fd').length - 1,
    maxFds: readMaxFds(files.read('/proc/self/limits')),
  };
}

/** This process as every system tells it. */
export function portableProcessUse(): ProcessUse {
  return {
    residentBytes: process.memoryUsage.rss(),
    children: undefined,
    openFds: undefined,
    maxFds: undefined,
  };
}

/**
 * Living descendants of this process; undefined on a kernel without lists of children. Following these lists reads a
 * few files; looking at the parent of every process of the machine reads hundreds.
 */
export function countDescendants(files: SystemFiles): number | undefined {
  const found = new Set<string>();
  const queue = ['self'];
  for (let pid = queue.pop(); pid !== undefined && found.size < MAX_CHILDREN; pid = queue.pop()) {
    const children = childrenOf(files, pid);
    if (children === undefined && pid === 'self') return undefined;
    for (const child of children ?? []) {
      found.add(child);
      queue.push(child);
    }
  }
  return found.size;
}

/** A child belongs to the thread that started it, and a descendant may end while it is looked at. */
function childrenOf(files: SystemFiles, pid: string): readonly string[] | undefined {
  const found: string[] = [];
  let lists = 0;
  for (const thread of listOr(files, `/proc/${pid}/task`)) {
    try {
      found.push(...files.read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean));
      lists += 1;
    } catch {
      // The thread has ended, or the kernel has no such lists.
    }
  }
  return lists === 0 ? undefined : found;
}

function listOr(files: SystemFiles, path: string): readonly string[] {
  try {
    return files.list(path);
  } catch {
    return [];
  }
}
