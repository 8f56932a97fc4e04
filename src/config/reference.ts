/** Owns the printed reference of the configuration, made from the schema itself. */
import { LIVE_SECTIONS } from './changed-sections.js';
import { CONFIG_VARIABLE, FAILPOINT_VARIABLE } from './environment.js';
import { renderHelp } from './flags.js';
import { listSettings, type Setting } from './settings.js';

/** The page `docs/configuration.md`: every key with meaning, bounds, default, environment variable and flag. */
export function renderConfigReference(): string {
  const settings = listSettings();
  const sections = settings.filter(({ path }) => path.length === 1);
  return [
    '# Configuration',
    '',
    '<!-- Generated from the schema by `flowgauge docs`; edit src/config instead. -->',
    '',
    'Flowgauge reads `flowgauge.yml` (or the file of `--config.file` or `' +
      CONFIG_VARIABLE +
      '`), then the environment,',
    'then the command line; the later one wins. All of them are checked as a whole before anything starts: every',
    'problem is listed with its path and its remedy, and the exit code is 2. Unknown keys are problems.',
    '',
    'SIGHUP and `POST /-/reload` read the file again, and check it the same way. Sections without a note to that effect',
    'change with a restart only; the answer, the log and `flowgauge_config_restart_required` tell of them.',
    '',
    'Durations are whole numbers with the units `d`, `h`, `m`, `s`, `ms`, from large to small: `500ms`, `3m`, `1h30m`.',
    '',
    ...sections.flatMap((section) => renderSection(section, settings)),
    '## Rules between keys',
    '',
    ...RULES.map((rule) => `- ${rule}`),
    '',
    '## Environment',
    '',
    '| variable | sets |',
    '|---|---|',
    ...settings.flatMap(({ path, doc }) =>
      doc.env === undefined ? [] : [`| \`${doc.env}\` | \`${path.join('.')}\` |`],
    ),
    `| \`${CONFIG_VARIABLE}\` | the file to read |`,
    `| \`${FAILPOINT_VARIABLE}\` | where to kill the process, or to freeze it (freeze:…); for crash tests only |`,
    '| `OTEL_EXPORTER_OTLP_ENDPOINT` and the other standard `OTEL_*` | traces, see [sdk.md](sdk.md#traces) |',
    '',
    'A variable that is set but empty counts as an empty value, not as unset. `DATABASE_URL` replaces the whole section',
    '`source`, `STORE_URL` the whole section `store`. Prefer the `_FILE` forms: other processes of the same user can',
    'read an environment.',
    '',
    '## Secrets',
    '',
    'A file with a secret is refused when it is missing, empty or readable by every user of the machine. Its text, and',
    'any `url`, is never printed: not in messages, logs, pages or dumps of the configuration.',
    '',
    'One place is excepted from the last: below `/run/secrets/`, where container engines put secrets with mode 0444, a file may',
    'be readable by everyone, since everyone is only this process there. A link that leads elsewhere is judged by its target.',
    '',
    '## Command line',
    '',
    '```',
    renderHelp().trimEnd(),
    '```',
    '',
  ].join('\n');
}

const RULES = [
  'One of `url` and `url_file` (and, for `store`, `embedded`). Without a `store` our tables live in the source.',
  'Without a source there must be `store.embedded`, which is then watched as well.',
  'A `listen_address` that other machines can reach needs a `config_file` that asks for credentials, or `allow_anonymous_remote: true`.',
  '`enable_admin_api` needs a `config_file` in which somebody has the role `admin`. See [access.md](access.md).',
  'A flow is named `[a-z][a-z0-9_]*`, at most 40 characters. Two flows may watch one table, but not the same status column.',
  '`none`, `other` and `overflow` are no statuses: they stand for "not in the table", "not declared" and "beyond the budget".',
  'Both sides of a move are declared statuses; `none>new` and `new>none` are allowed. `new>new` needs `repeats: count`.',
  '`repeats: count` needs `moved_at`; `capture: poll` needs `updated_at`.',
  'A limit belongs to a declared status, and `critical` is longer than `warning`.',
] as const;

const RELOADED = 'A reload puts changes in force: [access.md](access.md#reload).';

function renderSection(section: Setting, settings: readonly Setting[]): readonly string[] {
  const name = section.path[0] ?? '';
  const keys = settings.filter(({ path }) => path[0] === name && path.length > 1);
  return [
    `## \`${name}\``,
    '',
    section.doc.meaning,
    '',
    ...((LIVE_SECTIONS as readonly string[]).includes(name) ? [RELOADED, ''] : []),
    '| key | meaning | default | bounds | example |',
    '|---|---|---|---|---|',
    ...keys.map(renderRow),
    '',
  ];
}

function renderRow({ path, doc }: Setting): string {
  const fallback = doc.default === undefined ? (doc.absent ?? 'none') : `\`${doc.default}\``;
  const cells = [`\`${path.join('.')}\``, doc.meaning, fallback, doc.bounds ?? '', `\`${doc.example}\``];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
