/** Owns the comparison of two checked configurations: which sections differ, by the names of the file. Pure. */
import { Secret } from './secret.js';
import type { ValidConfig } from './valid-config.js';

/** What can differ. */
export type Section = Extract<keyof ValidConfig, string>;

/** What a reload puts in force; any other section waits for a restart. */
export const LIVE_SECTIONS = [
  'health',
  'log',
  'maintenance',
  'thresholds',
] as const satisfies readonly Section[];

/** How the file calls it; `tracing` and `failpoint` are of the environment. */
const NAMES = {
  web: 'web',
  log: 'log.level',
  source: 'source',
  store: 'store',
  flows: 'flows',
  thresholds: 'thresholds',
  resources: 'resources',
  health: 'health.weights',
  probes: 'probes',
  notifications: 'notifications',
  prometheusUrl: 'prometheus.url',
  alertmanagerUrl: 'alertmanager.url',
  maintenance: 'maintenance',
  limits: 'limits',
  journal: 'journal',
  tracing: 'tracing',
  failpoint: 'failpoint',
} as const satisfies Readonly<Record<Section, string>>;

/** The name of a section in the file. */
export function nameOf(section: Section): string {
  return NAMES[section];
}

/** The sections in which the two differ, whatever files they name hold included where it was read with them. */
export function changedSections(
  inForce: Readonly<Pick<ValidConfig, Section>>,
  read: Readonly<Pick<ValidConfig, Section>>,
): readonly Section[] {
  const twice = [inForce, read].every(({ source, store }) => source === store) ? copyOf(read) : undefined;
  return (Object.keys(NAMES) as Section[]).filter(
    (section) => section !== twice && !isSame(inForce[section], read[section]),
  );
}

/** Which of the two is not in the file: the store is the source's database, or the source the embedded one of the store. */
function copyOf({ source }: Pick<ValidConfig, 'source'>): 'source' | 'store' {
  return source.kind === 'embedded' ? 'source' : 'store';
}

/** By content. A general comparison takes any two secrets for the same, because what they hold is private. */
function isSame(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (left instanceof Secret || right instanceof Secret)
    return left instanceof Secret && right instanceof Secret && left.reveal() === right.reveal();
  if (isCollection(left) || isCollection(right))
    return isCollection(left) && isCollection(right) && isSame([...left], [...right]);
  const keys = Object.keys(left);
  return (
    Array.isArray(left) === Array.isArray(right) &&
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isSame(at(left, key), at(right, key)))
  );
}

function isCollection(value: object): value is ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> {
  return value instanceof Map || value instanceof Set;
}

function at(value: object, key: string): unknown {
  return (value as Readonly<Record<string, unknown>>)[key];
}
