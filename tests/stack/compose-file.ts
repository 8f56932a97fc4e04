/** Owns reading docker-compose.yml as Compose does: merges resolved, variables filled in, services as plain values. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { projectRoot } from '../harness/exporter.js';

/** What the tests look at of one service. */
export interface Service {
  readonly image: string;
  readonly build?: string;
  readonly user?: string;
  readonly profiles?: readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly networks?: readonly string[];
  readonly network_mode?: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly secrets?: readonly string[];
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string; readonly required?: boolean }>>;
  readonly deploy?: { readonly resources: { readonly limits: Readonly<Record<string, unknown>> } };
  readonly restart?: string;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

/** The text of the file as it is committed. */
export const composeText = readFileSync(join(projectRoot, 'docker-compose.yml'), 'utf8');

/** A variable that has no default was not given. */
export class MissingVariable extends Error {
  readonly code = 'MISSING_VARIABLE';
}

/** The file with these variables. Throws MissingVariable as Compose refuses `${NAME:?text}` without a value. */
export function composeFile(variables: Readonly<Record<string, string>>): ComposeFile {
  return parse(substituted(composeText, variables), { merge: true }) as ComposeFile;
}

/** Names of all variables, with their default where there is one. */
export function variablesOf(text: string): ReadonlyMap<string, string | undefined> {
  const names = new Map<string, string | undefined>();
  for (const [, name, , fallback] of text.matchAll(REFERENCE)) {
    if (!names.has(name!)) names.set(name!, fallback);
  }
  return names;
}

const REFERENCE = /\$\{([A-Z_]+)(?:(:-)([^}]*)|:\?([^}]*))?\}/g;

function substituted(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(REFERENCE, (_, name: string, _sign, fallback: string | undefined, refusal?: string) => {
    const value = variables[name] || fallback;
    if (value !== undefined) return value;
    if (refusal !== undefined) throw new MissingVariable(`${name} ${refusal}`);
    return '';
  });
}

/** Source, target and mode of a short volume text. */
export function mountOf(volume: string): { source: string; target: string; readOnly: boolean } {
  const [source = '', target = '', mode] = volume.split(':');
  return { source, target, readOnly: mode === 'ro' };
}
