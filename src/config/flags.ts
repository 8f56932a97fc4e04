/** Owns the command line of `flowgauge serve`: its flags, their help text, and what a wrong one is answered. */
import { parseArgs } from 'node:util';
import type { Override } from './environment.js';
import { didYouMean } from './nearest.js';
import { ConfigError, type Problem } from './problem.js';
import { listSettings } from './settings.js';

/** The command line after reading. */
export interface Flags {
  readonly configFile: string | undefined;
  readonly configCheck: boolean;
  readonly help: boolean;
  readonly version: boolean;
  /** Flags that set a key of the file. */
  readonly overrides: readonly Override[];
}

/** The command line without any flag. */
export const NO_FLAGS: Flags = Object.freeze({
  configFile: undefined,
  configCheck: false,
  help: false,
  version: false,
  overrides: Object.freeze([]),
});

interface FlagDoc {
  readonly name: string;
  /** Undefined for a flag without a value. */
  readonly placeholder: string | undefined;
  readonly meaning: string;
  readonly path?: readonly string[];
}

/** Reads the arguments after the command's name. Throws ConfigError with every wrong flag. */
export function parseFlags(argv: readonly string[]): Flags {
  const known = listFlags();
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(known.map((flag) => [flag.name, optionOf(flag)])),
    strict: false,
    tokens: true,
  });
  const problems: Problem[] = [];
  const given = new Map<string, string | undefined>();
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      problems.push(
        problem('(command line)', 'has an argument without a flag', 'Write --flag=value; see --help'),
      );
      continue;
    }
    // Without this, --log.level --config.check would check nothing and log at level "--config.check".
    const value = token.inlineValue === false && token.value.startsWith('-') ? undefined : token.value;
    const fault = faultOf(token.name, value, known, given.has(token.name));
    if (fault === undefined) given.set(token.name, value);
    else problems.push(fault);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    configFile: given.get('config.file'),
    configCheck: given.has('config.check'),
    help: given.has('help'),
    version: given.has('version'),
    overrides: known.flatMap(({ name, path }) => {
      const text = given.get(name);
      return path === undefined || text === undefined ? [] : [{ path, text, where: `flag --${name}` }];
    }),
  };
}

/** The help text of `flowgauge serve`, generated from the flags. */
export function renderHelp(): string {
  const rows = listFlags().map(({ name, placeholder, meaning }) => {
    const short = name === 'help' ? '-h, ' : '    ';
    return [`  ${short}--${name}${placeholder === undefined ? '' : `=${placeholder}`}`, meaning] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return [
    'Usage: flowgauge serve [flags]',
    '',
    'Counts the status changes of Postgres tables and serves them to Prometheus.',
    '',
    'Flags:',
    ...rows.map(([left, meaning]) => `${left.padEnd(width)}${meaning}`),
    '',
    'A flag wins over the environment, the environment over the file. The watched database comes from',
    'DATABASE_URL or DATABASE_URL_FILE, the store from STORE_URL or STORE_URL_FILE, or from the file.',
    '',
  ].join('\n');
}

function listFlags(): readonly FlagDoc[] {
  const fromSettings = listSettings().flatMap(({ path, doc }): readonly FlagDoc[] => {
    if (doc.flag === undefined) return [];
    const fallback = doc.default === undefined ? '' : ` Default: ${doc.default}.`;
    return [
      { name: doc.flag, placeholder: doc.placeholder ?? 'VALUE', meaning: `${doc.meaning}${fallback}`, path },
    ];
  });
  return [
    {
      name: 'config.file',
      placeholder: 'FILE',
      meaning: 'The configuration. Default: FLOWGAUGE_CONFIG, then ./flowgauge.yml if it exists.',
    },
    {
      name: 'config.check',
      placeholder: undefined,
      meaning: 'Check the configuration without connecting, then exit: 0 when it is good, 2 when not.',
    },
    ...fromSettings,
    { name: 'version', placeholder: undefined, meaning: 'Print the version and exit.' },
    { name: 'help', placeholder: undefined, meaning: 'Print this text and exit.' },
  ];
}

function optionOf({ name, placeholder }: FlagDoc) {
  const type: 'string' | 'boolean' = placeholder === undefined ? 'boolean' : 'string';
  return name === 'help' ? { type, short: 'h' } : { type };
}

function faultOf(name: string, value: string | undefined, known: readonly FlagDoc[], repeated: boolean) {
  const flag = known.find((candidate) => candidate.name === name);
  const names = known.map((candidate) => `--${candidate.name}`);
  // The value of an unknown flag stays out of the message, and so does a name that is no name.
  const shown = /^[A-Za-z][\w.-]{0,40}$/.test(name) ? `--${name}` : '(command line)';
  if (flag === undefined) return problem(shown, 'is not a known flag', didYouMean(`--${name}`, names));
  if (flag.placeholder === undefined && value !== undefined) {
    return problem(shown, 'takes no value', `Write --${name} alone`);
  }
  if (flag.placeholder !== undefined && (value === undefined || value === '')) {
    return problem(shown, 'has no value', `Write --${name}=${flag.placeholder}`);
  }
  return repeated ? problem(shown, 'is given twice', 'Keep one of them') : undefined;
}

function problem(path: string, what: string, remedy: string): Problem {
  return { path, where: undefined, value: undefined, what, remedy };
}
