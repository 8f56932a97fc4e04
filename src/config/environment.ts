/** Owns the process environment: the only place that reads it, and which of its variables mean something to us. */
import { editDistance } from './nearest.js';
import type { Problem } from './problem.js';
import { listSettings } from './settings.js';

/** Variables by name, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Names the file when no flag does. */
export const CONFIG_VARIABLE = 'FLOWGAUGE_CONFIG';
/** Stops the process at a named point, for crash tests. */
export const FAILPOINT_VARIABLE = 'FLOWGAUGE_FAILPOINT';

/** A copy of the process environment. */
export function processEnvironment(): Environment {
  return { ...process.env };
}

/** One override: the key it sets, its text, and the name of where it came from. */
export interface Override {
  readonly path: readonly string[];
  readonly text: string;
  readonly where: string;
}

/** The overrides in the environment, and the problems of misspelt variables. */
export function readEnvironment(env: Environment): {
  overrides: readonly Override[];
  problems: readonly Problem[];
} {
  const overrides: Override[] = [];
  const known = [CONFIG_VARIABLE, FAILPOINT_VARIABLE];
  for (const { path, doc } of listSettings()) {
    if (doc.env === undefined) continue;
    known.push(doc.env);
    const text = env[doc.env];
    // An empty variable is a failed substitution: as unset, the file's database could be watched by mistake.
    if (text !== undefined) overrides.push({ path, text: text.trim(), where: `environment ${doc.env}` });
  }
  return { overrides, problems: misspelt(env, known) };
}

/**
 * Names close to ours are refused; other `FLOWGAUGE_` names are not, because a cluster adds FLOWGAUGE_PORT,
 * FLOWGAUGE_SERVICE_HOST and more for a service of that name.
 */
function misspelt(env: Environment, known: readonly string[]): readonly Problem[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('FLOWGAUGE_') && !known.includes(name))
    .flatMap((name) => {
      const meant = known.find((candidate) => editDistance(name, candidate) <= 2);
      return meant === undefined ? [] : [unknown(name, meant)];
    });
}

function unknown(name: string, meant: string): Problem {
  return {
    path: name,
    where: `environment ${name}`,
    value: undefined,
    what: 'is unknown',
    remedy: `Did you mean ${meant}?`,
  };
}
