/** Owns asking file systems how full they are, without ever waiting twice for one that does not answer. */
import { statfs as askStatfs } from 'node:fs/promises';
import type { BytesUse, FilesystemUse } from './sample.js';

/** The numbers of statfs(2) that are used here; blocks have `bsize` bytes. */
export interface BlockCounts {
  readonly bsize: number;
  readonly blocks: number;
  /** Free for root. */
  readonly bfree: number;
  /** Free for everybody else. */
  readonly bavail: number;
}

/**
 * `RESOURCE_MOUNT_SILENT`: a file system did not answer in time, such as one of a server that is gone.
 * `RESOURCE_MOUNT_MISSING`: nothing is mounted there; the folder's own numbers would be those of another disk.
 */
export class FilesystemError extends Error {
  override readonly name = 'FilesystemError';
  constructor(
    readonly code: 'RESOURCE_MOUNT_SILENT' | 'RESOURCE_MOUNT_MISSING',
    message: string,
  ) {
    super(message);
  }
}

/** How a reader of file systems works. */
export interface FilesystemOptions {
  /** What to look at; asked before every reading. */
  readonly wanted: () => readonly string[];
  /** What is mounted now; undefined when this system does not tell. */
  readonly mounted: () => ReadonlySet<string> | undefined;
  /** How long one may take, in milliseconds. Default 2,000. */
  readonly patienceMs?: number;
  /** The question itself; the system's own by default. */
  readonly statfs?: (path: string) => Promise<BlockCounts>;
}

/** Use as `df` shows it: blocks that only root may write are neither free nor part of the whole, so full is 1. */
export function bytesUse({ bsize, blocks, bfree, bavail }: BlockCounts): BytesUse {
  const used = Math.max(0, blocks - bfree);
  return { usedBytes: used * bsize, totalBytes: (used + bavail) * bsize };
}

/** Reads all wanted file systems at once. */
export class FilesystemReader {
  /** Questions without an answer. Each holds one of the few threads of the pool: a second one would only take another. */
  readonly #open = new Map<string, Promise<BlockCounts>>();

  constructor(private readonly options: FilesystemOptions) {}

  async read(): Promise<FilesystemUse> {
    const mounted = this.options.mounted();
    const mounts = new Map<string, BytesUse>();
    const failed = new Map<string, Error>();
    await Promise.all(
      this.options.wanted().map(async (point) => {
        try {
          if (mounted?.has(point) === false) throw missing(point);
          mounts.set(point, bytesUse(await this.#ask(point)));
        } catch (error) {
          failed.set(point, error instanceof Error ? error : new Error(String(error)));
        }
      }),
    );
    return { mounts, failed };
  }

  async #ask(point: string): Promise<BlockCounts> {
    const { statfs = askStatfs, patienceMs = 2_000 } = this.options;
    if (this.#open.has(point)) throw silent(point);
    const question = statfs(point);
    this.#open.set(point, question);
    const settled = () => this.#open.delete(point);
    question.then(settled, settled);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(silent(point)), patienceMs);
    });
    return Promise.race([question, late]).finally(() => clearTimeout(timer));
  }
}

function silent(point: string): FilesystemError {
  return new FilesystemError(
    'RESOURCE_MOUNT_SILENT',
    `the file system at ${point} does not answer: look at its server, or take it out of resources.mountpoints`,
  );
}

function missing(point: string): FilesystemError {
  return new FilesystemError(
    'RESOURCE_MOUNT_MISSING',
    `nothing is mounted at ${point}: mount it, or take it out of resources.mountpoints`,
  );
}
