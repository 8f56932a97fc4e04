/** Owns the way from file, environment and command line to one checked configuration. */
import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDatabaseUrl } from './database-url.js';
import { type ConfigDocument, readDocument } from './document.js';
import {
  CONFIG_VARIABLE,
  type Environment,
  FAILPOINT_VARIABLE,
  type Override,
  readEnvironment,
} from './environment.js';
import { isMap } from './fields.js';
import { type Flags, NO_FLAGS } from './flags.js';
import { problemsOf, type WhereOf } from './issues.js';
import { checkNotificationFiles } from './notifications.js';
import { readProbeFiles } from './probe-files.js';
import { bad, ConfigError, isDatabase, type Parsed, pathText } from './problem.js';
import { readBounded } from './regular-file.js';
import { configSchema } from './schema.js';
import type { Secret } from './secret.js';
import { readSecretFile, readSecretOnce } from './secret-file.js';
import { readTracing } from './tracing-variables.js';
import { assemble, type ValidConfig } from './valid-config.js';
import { checkWebFile, webFileOf } from './web-exposure.js';

/** The file that is read when nothing names one and it exists. */
export const DEFAULT_FILE = 'flowgauge.yml';

export interface LoadOptions {
  /** Wins over `flags.configFile` and the environment. */
  readonly file?: string;
  readonly env: Environment;
  readonly flags?: Flags;
  /** Default `first`; `again` refuses pipes, into which nobody writes a second time. */
  readonly reading?: Reading;
}

/** Whether the files are read at the start, or once more while the process runs. */
export type Reading = 'first' | 'again';

/** The file that `loadConfig` reads without `file`; undefined when none is named and the default one does not exist. */
export function configFileOf({
  env,
  flags = NO_FLAGS,
}: Pick<LoadOptions, 'env' | 'flags'>): string | undefined {
  const named = flags.configFile ?? (env[CONFIG_VARIABLE]?.trim() || undefined);
  return named ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : undefined);
}

/**
 * Reads and checks everything; throws ConfigError with all problems. Flags win over the environment, the
 * environment over the file, the file over the defaults. Without any file the environment alone is enough.
 */
export function loadConfig({ file, env, flags = NO_FLAGS, reading = 'first' }: LoadOptions): ValidConfig {
  const named = file ?? flags.configFile ?? (env[CONFIG_VARIABLE]?.trim() || undefined);
  const path = named ?? DEFAULT_FILE;
  const read = readText(path, reading);
  if (read.ok)
    return parseConfig(read.value, {
      fileName: path,
      directory: dirname(resolve(path)),
      env,
      flags,
      reading,
    });
  if (named === undefined && read.what === MISSING) return parseConfig('', { fileName: path, env, flags });
  throw new ConfigError([
    { path: '(file)', where: path, value: undefined, what: read.what, remedy: read.remedy },
  ]);
}

export interface ParseOptions {
  /** How messages call the text. */
  readonly fileName?: string;
  /** Where relative paths of the file begin; the working directory by default. */
  readonly directory?: string;
  readonly env: Environment;
  readonly flags?: Flags;
  /** As of `loadConfig`, for the files that the text names. */
  readonly reading?: Reading;
}

/** Like `loadConfig`, for a text that was read already. Reads the secret files that the text names. */
export function parseConfig(text: string, options: ParseOptions): ValidConfig {
  const { fileName = DEFAULT_FILE, directory = '.', env, flags = NO_FLAGS } = options;
  const readSecret = options.reading === 'again' ? readSecretFile : readSecretOnce;
  const document = readDocument(text, fileName);
  const environment = readEnvironment(env);
  const early = [...document.problems, ...environment.problems];
  // A broken text would be checked as an empty one, and each of its keys reported as missing.
  if (document.problems.length > 0) throw new ConfigError(early);

  const overrides = [...environment.overrides, ...flags.overrides];
  const tree = withOverrides(document.tree, overrides);
  const whereOf = locator(document, overrides, fileName);
  const result = configSchema.safeParse(tree);
  const problems = [...early, ...problemsOf(result.error?.issues ?? [], tree, whereOf)];

  const secrets = (['source', 'store'] as const).map((section) => {
    const path = [section, 'url_file'];
    const name = isMap(tree) && isMap(tree[section]) ? tree[section].url_file : undefined;
    const refused = problems.some(({ path: faulty }) => faulty === section || faulty === path.join('.'));
    if (typeof name !== 'string' || refused) return undefined;
    const fromFile = !overrides.some((override) => samePath(override.path, path));
    const parsed = readUrlFile(resolve(fromFile ? directory : '.', name), readSecret);
    if (parsed.ok) return parsed.value;
    problems.push({
      path: path.join('.'),
      where: whereOf(path),
      value: undefined,
      what: parsed.what,
      remedy: parsed.remedy,
    });
    return undefined;
  });
  const probes = readProbeFiles(isMap(tree) ? tree.probes : undefined, directory, readSecret);
  const named = checkNotificationFiles(isMap(tree) ? tree.notifications : undefined, directory);
  for (const { path, what, remedy } of [...probes.problems, ...named]) {
    const text = pathText(path);
    // Of a key that is refused anyway the file does not matter.
    if (problems.some(({ path: faulty }) => faulty === text || text.startsWith(`${faulty}.`))) continue;
    problems.push({ path: text, where: whereOf(path), value: undefined, what, remedy });
  }
  const isOverridden = overrides.some(({ path }) => samePath(path, ['web', 'config_file']));
  const webFile = webFileOf(tree, isOverridden ? '.' : directory);
  problems.push(...checkWebFile(result.data?.web, webFile, whereOf));
  if (!result.success || problems.length > 0) throw new ConfigError(problems);

  const { source, store } = result.data;
  return assemble(result.data, {
    sourceUrl: source.url ?? secrets[0],
    storeUrl: store.url ?? secrets[1],
    directory,
    probeUrls: probes.urls,
    webFile,
    embedded: store.embedded === undefined ? undefined : resolve(directory, store.embedded),
    tracing: readTracing(env),
    failpoint: env[FAILPOINT_VARIABLE]?.trim() || undefined,
  });
}

const MISSING = 'does not exist';

function readText(path: string, reading: Reading): Parsed<string> {
  try {
    if (reading === 'again' && !statSync(path).isFile())
      return bad('is not a plain file', 'It is read again while flowgauge runs, and a pipe answers once');
    // Status names saved in another encoding would load as other names and silently match no row.
    return { ok: true, value: new TextDecoder('utf-8', { fatal: true }).decode(readBounded(path)) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    if (code === 'ENOENT') return bad(MISSING, 'Create it, or name another one with --config.file');
    if (code === 'TOO_LARGE') return bad('is larger than 1 MiB', 'Name the configuration, not a data file');
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return bad('is not UTF-8', 'Save it as UTF-8');
    return bad(`cannot be read (${code})`, 'Name a file that the user who runs flowgauge may read');
  }
}

function readUrlFile(path: string, readSecret: (path: string) => Parsed<string>): Parsed<Secret> {
  const content = readSecret(path);
  if (!content.ok) return content;
  const url = parseDatabaseUrl(content.value);
  return url.ok ? url : bad(`names a file whose text ${url.what}`, url.remedy);
}

/** A copy of the file's tree with the overrides in place. An overridden database replaces its whole section. */
function withOverrides(tree: unknown, overrides: readonly Override[]): unknown {
  if (!isMap(tree)) return tree;
  const result: Record<string, unknown> = { ...tree };
  const fresh = new Set<string>();
  for (const { path, text } of overrides) {
    const [section, key] = path as [string, string];
    const replaces = isDatabase(path) && !fresh.has(section);
    const old = replaces ? {} : (result[section] ?? {});
    fresh.add(section);
    // A section that is no map is reported as such; an override must not hide that.
    if (isMap(old)) result[section] = { ...old, [key]: text };
  }
  return result;
}

function locator(document: ConfigDocument, overrides: readonly Override[], fileName: string): WhereOf {
  return (path) => {
    const override = overrides.findLast(
      (candidate) => samePath(candidate.path, path) || (path.length === 1 && isReplaced(candidate, path[0])),
    );
    if (override !== undefined) return override.where;
    const line = document.lineOf(path);
    return line === undefined ? undefined : `${fileName}:${line}`;
  };
}

function isReplaced({ path }: Override, section: PropertyKey | undefined): boolean {
  return path[0] === section && isDatabase(path);
}

function samePath(left: readonly PropertyKey[], right: readonly PropertyKey[]): boolean {
  return left.length === right.length && left.every((part, index) => part === right[index]);
}
