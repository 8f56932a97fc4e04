/** Owns the keys of the section `maintenance`: whom planned work silences, and its recurring windows. */
import { z } from 'zod';
import { faultOf, LEAST_GAP_MS, LONGEST_WINDOW_MS, type MaintenanceWindow } from '../maintenance/windows.js';
import { formatDurationMs } from './duration.js';
import {
  defaulted,
  documented,
  duration,
  isMap,
  optional,
  type Reader,
  type Refuse,
  refuseTo,
  required,
  text,
  whenMap,
} from './fields.js';
import { bad, good, type Parsed } from './problem.js';
import { WATCHDOG } from './watchdog-name.js';

const MOST_WINDOWS = 20;
const MOST_LABELS = 10;
const WINDOW_NAME = /^[a-z][a-z0-9_]{0,39}$/;

/** What planned work means when nobody says whom: what the bundled scrape configuration calls this exporter. */
const DEFAULT_MATCHERS = { job: 'flowgauge' } as const;

const readMatchers: Reader<Readonly<Record<string, string>>> = (raw) => {
  const remedy = 'Write labels with their values, for example {flow: tokens}';
  if (!isMap(raw)) return bad('is not a map of labels', remedy);
  const labels = Object.entries(raw);
  if (labels.length === 0) return bad('names no label, which would silence everything', remedy);
  if (labels.length > MOST_LABELS) return bad(`names more than ${MOST_LABELS} labels`, 'Keep the important');
  for (const [name, value] of labels) {
    if (!/^[A-Za-z_]\w{0,99}$/.test(name)) return bad(`names ${name}, which is no label`, remedy);
    if (typeof value !== 'string' || !/^[^\p{Cc}\p{Surrogate}]{1,200}$/u.test(value))
      return bad(`has no text of 1 to 200 characters for ${name}`, 'Write the value in quotes');
  }
  return good(Object.fromEntries(labels) as Record<string, string>);
};

const matchers = (absent: string) =>
  optional(
    {
      meaning: 'Labels that an alert must have, all of them; the sign of life is never silenced.',
      example: '{flow: tokens}',
      bounds: `1 to ${MOST_LABELS} labels with one value each; no patterns`,
      absent,
    },
    readMatchers,
  );

const windowSchema = z
  .strictObject({
    cron: required(
      {
        meaning: 'When it begins: minute, hour, day of month, month, day of week.',
        example: '30 2 * * SUN',
        bounds: `five fields; at most once in ${formatDurationMs(LEAST_GAP_MS)}, and over before it comes again`,
      },
      text<string>((value) => good(value.trim())),
    ),
    duration: required(
      {
        meaning: 'How long it lasts, in elapsed time.',
        example: '30m',
        bounds: `1m to ${formatDurationMs(LONGEST_WINDOW_MS)}`,
      },
      duration('1m', formatDurationMs(LONGEST_WINDOW_MS)),
    ),
    time_zone: defaulted(
      {
        meaning:
          'Whose clock the fields mean. A start in the hour that spring skips comes an hour later; one in the hour that autumn repeats comes once.',
        example: 'Europe/Berlin',
        bounds: 'a name of the IANA time zone database',
        default: 'UTC',
      },
      text(parseTimeZone),
    ),
    matchers: matchers('maintenance.matchers'),
  })
  .superRefine((value, context) => {
    const { cron, duration: durationMs, time_zone: timeZone } = value;
    if (typeof cron !== 'string' || typeof durationMs !== 'number' || typeof timeZone !== 'string') return;
    const fault = faultOf({ cron, durationMs, timeZone });
    if (fault !== undefined) refuseTo(context)(['cron'], fault.what, fault.remedy);
  }, whenMap);

/** The whole section. */
export const maintenanceSchema = z.strictObject({
  matchers: matchers(`\`{job: ${DEFAULT_MATCHERS.job}}\``),
  windows: documented(
    z
      .record(
        z.string(),
        documented(windowSchema, {
          meaning: 'One recurring window, by the name that becomes the label `window`.',
          example: '{cron: "30 2 * * SUN", duration: 30m}',
        }),
      )
      .prefault({}),
    {
      meaning: 'Maintenance that comes again and again.',
      example: '{monthly: {cron: "0 3 1 * *", duration: 30m, time_zone: Europe/Berlin}}',
      bounds: `at most ${MOST_WINDOWS}`,
      absent: 'none',
    },
  ),
});

/** What {@link maintenanceSchema} reads to. */
export interface MaintenanceConfig {
  readonly matchers: Readonly<Record<string, string>>;
  readonly windows: readonly MaintenanceWindow[];
}

/** The section with its defaults. */
export function maintenanceOf(read: z.output<typeof maintenanceSchema>): MaintenanceConfig {
  return {
    matchers: read.matchers ?? DEFAULT_MATCHERS,
    windows: Object.entries(read.windows).map(([name, window]) => ({
      name,
      cron: window.cron,
      timeZone: window.time_zone,
      durationMs: window.duration,
      matchers: window.matchers,
    })),
  };
}

/** The rules between windows, and with the other sections. */
export function checkMaintenance(
  maintenance: unknown,
  others: { readonly alertmanager: unknown; readonly notifications: unknown },
  refuse: Refuse,
): void {
  const section = isMap(maintenance) ? maintenance : {};
  const windows = isMap(section.windows) ? Object.entries(section.windows) : [];
  const { alertmanager, notifications } = others;
  if (windows.length > MOST_WINDOWS)
    refuse(['maintenance', 'windows'], `has more than ${MOST_WINDOWS} entries`, 'Join some of them');
  if (windows.length > 0 && !(isMap(alertmanager) && alertmanager.url !== undefined))
    refuse(
      ['alertmanager', 'url'],
      'is missing although maintenance.windows has entries',
      'Write for example http://127.0.0.1:9093',
    );
  const watchdog = isMap(notifications) && isMap(notifications.watchdog) ? notifications.watchdog : {};
  const never = watchdog.alertname ?? WATCHDOG;
  const sets: (readonly [readonly string[], unknown])[] = [
    [['maintenance', 'matchers'], section.matchers],
    ...windows.map(
      ([name, window]) =>
        [['maintenance', 'windows', name, 'matchers'], isMap(window) ? window.matchers : undefined] as const,
    ),
  ];
  for (const [path, set] of sets) {
    if (isMap(set) && set.alertname === never)
      refuse(path, `names ${never}, the sign of life of the alerts`, 'Name another alert, or none');
  }
  for (const [name] of windows) {
    if (WINDOW_NAME.test(name) && name !== 'manual') continue;
    refuse(
      ['maintenance', 'windows', name],
      'is not a name of a window',
      'Use 1 to 40 lower-case letters, digits and underscores, beginning with a letter; manual is taken',
    );
  }
}

function parseTimeZone(name: string): Parsed<string> {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return good(name);
  } catch {
    return bad('is not a time zone', 'Write a name such as Europe/Berlin or UTC');
  }
}
