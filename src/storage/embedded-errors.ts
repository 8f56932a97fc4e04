/** Owns why the embedded database cannot be had, each case with its remedy. */

/** Another living process of ours uses the directory. Nothing was touched. */
export class EmbeddedDirectoryInUseError extends Error {
  readonly code = 'EMBEDDED_DIRECTORY_IN_USE';
  constructor(
    readonly directory: string,
    readonly pid: number,
  ) {
    super(
      `The embedded database's directory ${directory} is in use by process ${pid}. Stop that process, or give this one another directory (store.embedded).`,
    );
    this.name = 'EmbeddedDirectoryInUseError';
  }
}

/** Why a start failed for good; the message names the place and the remedy. */
export type EmbeddedStartCode =
  | 'EMBEDDED_BINARIES_MISSING'
  | 'EMBEDDED_NO_ACCOUNT'
  | 'EMBEDDED_UNREACHABLE'
  | 'EMBEDDED_DIRECTORY_UNUSABLE'
  | 'EMBEDDED_DATA_UNKNOWN'
  | 'EMBEDDED_DATA_VERSION'
  | 'EMBEDDED_START_FAILED'
  | 'EMBEDDED_NOT_ANSWERING';

/** The embedded database cannot start. */
export class EmbeddedStartError extends Error {
  readonly code: EmbeddedStartCode;
  constructor(code: EmbeddedStartCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.name = 'EmbeddedStartError';
  }
}
