/** Owns the check that nobody is exposed by mistake: what the web configuration file must hold for the address and the routes. */
import { resolve } from 'node:path';
import { isMap } from './fields.js';
import type { WhereOf } from './issues.js';
import { isLoopback } from './listen-address.js';
import { ConfigError, type Problem } from './problem.js';
import { hasCredentials, loadWebFile, type WebFile } from './web-file.js';

/** What is known of the section `web` when it was read well. */
export interface WebKeys {
  readonly listen_address: { readonly host: string };
  readonly allow_anonymous_remote: boolean;
  readonly enable_admin_api: boolean;
}

/** Absolute path of the file that the tree names. */
export function webFileOf(tree: unknown, directory: string): string | undefined {
  const name = isMap(tree) && isMap(tree.web) ? tree.web.config_file : undefined;
  return typeof name === 'string' && name !== '' ? resolve(directory, name) : undefined;
}

/** Everything that is wrong with the file itself, and with what it leaves open. */
export function checkWebFile(
  web: WebKeys | undefined,
  path: string | undefined,
  whereOf: WhereOf,
): readonly Problem[] {
  if (path === undefined) return [];
  try {
    const file = loadWebFile(path);
    return web === undefined
      ? []
      : exposures(web, file).map((one) => ({ ...one, where: whereOf(one.at), isOfWebFile: true }));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const path = (problem: Problem) => `web.config_file > ${problem.path}`;
    return error.problems.map((problem) => ({ ...problem, path: path(problem), isOfWebFile: true }));
  }
}

/** The reasons not to take a file, for a reload: what may not be opened at the start may not be opened later. */
export function exposures(
  web: WebKeys,
  file: WebFile,
): readonly (Problem & { readonly at: readonly string[] })[] {
  const found: (Problem & { readonly at: readonly string[] })[] = [];
  const refuse = (key: string, what: string, remedy: string) =>
    found.push({ at: ['web', key], path: `web.${key}`, where: undefined, value: undefined, what, remedy });
  const isRemote = !isLoopback(web.listen_address.host);
  if (isRemote && !web.allow_anonymous_remote && !hasCredentials(file))
    refuse(
      'listen_address',
      'can be reached from other machines, and the web.config_file asks nobody for credentials',
      'Add basic_auth_users or flowgauge.tokens to that file, or listen on 127.0.0.1',
    );
  const mayAdmin = [...file.users, ...file.tokens].some(({ grants }) => grants.includes('admin'));
  if (web.enable_admin_api && !mayAdmin)
    refuse(
      'enable_admin_api',
      'opens routes for which nobody has credentials',
      'Give a user or a token of the web.config_file the role admin',
    );
  return found;
}
