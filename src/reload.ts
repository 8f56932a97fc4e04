/** Owns reading the configuration again: both files before either is taken, what can change is put in force, the rest named. */
import { changedSections, type LIVE_SECTIONS, nameOf, type Section } from './config/changed-sections.js';
import { ConfigError, renderProblems } from './config/problem.js';
import type { ValidConfig } from './config/valid-config.js';
import type { ReloadSeries } from './metrics/reload-series.js';
import type { Logger } from './telemetry/logger.js';
import type { WebDoor, WebReading } from './web-door.js';

/** The name under which a changed web configuration file stands among what was applied. */
const WEB_FILE = 'web.config_file';

/** What a reload came to. Names are those of sections and keys, sorted; never a value. */
export type Reload = {
  /** Put in force now. */
  readonly applied: readonly string[];
  /** What the file, as it was last read well, says and only a restart puts in force. */
  readonly restartRequired: readonly string[];
} & (
  | { readonly kind: 'taken' | 'unchanged' | 'nothing to read' }
  | { readonly kind: 'refused'; readonly message: string }
);

/** Puts one section in force; must not throw, because others may be in force already. */
type Appliers = { readonly [S in Section]?: ((value: ValidConfig[S]) => void) | undefined };

/** Who is asked whether a section fits what is in force; undefined where it always does. */
export type Fits = { readonly [S in Section]?: ((value: ValidConfig[S]) => boolean) | undefined };

/** Who is told of what can change while the process runs; undefined where it takes part in nothing now. */
export type LiveSections = Required<Pick<Appliers, (typeof LIVE_SECTIONS)[number]>>;

/** How the configuration is read again, and what of it the caller of the exporter owns. */
export interface ConfigReading {
  /** Reads and checks as at the start, and throws as there. */
  read(): ValidConfig;
  setLogLevel(level: ValidConfig['log']['level']): void;
}

/** What reading again needs. */
export interface ReloadOptions {
  /** As it is in force. */
  readonly config: ValidConfig;
  /** Undefined when there is no file. */
  readonly reading: Pick<ConfigReading, 'read'> | undefined;
  readonly live: LiveSections;
  /** Whether a section fits what only a restart changes; asked before it is put in force. Absent: it does. */
  readonly fits?: Fits;
  readonly door: Pick<WebDoor, 'read'>;
  readonly series: ReloadSeries;
  /** One whose repeats are all written: to a signal a line is the only answer. */
  readonly log: Logger;
}

/** The way to read everything again, now. It never throws. */
export function openReload(options: ReloadOptions): () => Reload {
  const { reading, door, series, log } = options;
  const fits: Fits = options.fits ?? {};
  const live: Appliers = options.live;
  const inForce: { -readonly [S in Section]: ValidConfig[S] } = { ...options.config };
  let restartRequired: readonly string[] = [];

  function refuse(message: string): Reload {
    log.error('the configuration was refused; the one before stays in force', { why: message });
    return { kind: 'refused', message, applied: [], restartRequired };
  }

  function isLive<S extends Section>(section: S, value: ValidConfig[S]): boolean {
    return live[section] !== undefined && fits[section]?.(value) !== false;
  }

  function put<S extends Section>(section: S, value: ValidConfig[S]): void {
    live[section]?.(value);
    inForce[section] = value;
  }

  function take(config: ValidConfig): readonly string[] {
    const changed = changedSections(inForce, config);
    const now = changed.filter((section) => isLive(section, config[section]));
    for (const section of now) put(section, config[section]);
    restartRequired = changed
      .filter((section) => !now.includes(section))
      .map(nameOf)
      .sort();
    series.waiting(restartRequired);
    if (restartRequired.length > 0)
      log.warn('the configuration says what only a restart puts in force', { sections: restartRequired });
    return now.map(nameOf);
  }

  return () => {
    const web = door.read();
    const main = reading === undefined ? undefined : readMain(reading, web);
    if (main !== undefined) series.read('configuration', main.fault === undefined ? 'good' : 'refused');
    const faults = [main?.fault, web.kind === 'refused' ? web.message : undefined];
    const known = faults.filter((fault) => fault !== undefined);
    if (known.length > 0) return refuse(known.join('\n'));
    if (main === undefined && web.kind === 'nothing to read')
      return { kind: 'nothing to read', applied: [], restartRequired };
    const ofWeb = web.kind === 'good' && web.take() === 'taken' ? [WEB_FILE] : [];
    const ofMain = main?.config === undefined ? [] : take(main.config);
    const applied = [...ofMain, ...ofWeb].sort();
    if (applied.length === 0) {
      // Whoever sent the signal has no other answer.
      log.info('the configuration says nothing else that can be put in force now');
      return { kind: 'unchanged', applied, restartRequired };
    }
    series.taken();
    log.info('the configuration was taken', { applied });
    return { kind: 'taken', applied, restartRequired };
  };
}

/** The configuration, or what is wrong with it; neither when all that is wrong is a web file of which `web` tells. */
function readMain(
  reading: Pick<ConfigReading, 'read'>,
  web: WebReading,
): { readonly config?: ValidConfig; readonly fault: string | undefined } {
  try {
    return { config: reading.read(), fault: undefined };
  } catch (error) {
    if (!(error instanceof ConfigError)) return { fault: 'The configuration cannot be read.' };
    // What is wrong with that file alone is over once it is repaired, and not only when somebody asks again.
    const own = error.problems.filter((one) => web.kind !== 'refused' || !one.isOfWebFile);
    return { fault: own.length === 0 ? undefined : renderProblems(own) };
  }
}
