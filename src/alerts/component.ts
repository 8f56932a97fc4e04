/** Owns what part of the system an alert is about, told from its labels. */

/** From the most particular part to the least. */
const LABELS = [
  'component',
  'flow',
  'api',
  'breaker',
  'policy',
  'limiter',
  'probe',
  'channel',
  'job_name',
  'mountpoint',
  'instance',
  'job',
] as const;

/** The value of the first label that names a part; `none` for an alert without one. */
export function componentOf(labels: Readonly<Record<string, string>>): string {
  for (const name of LABELS) {
    const value = labels[name];
    if (value !== undefined && value !== '') return value;
  }
  return 'none';
}

/** Whether an alert is about this part: one of the labels that name a part has this value. */
export function isAbout(labels: Readonly<Record<string, string>>, component: string): boolean {
  return componentOf(labels) === component || LABELS.some((name) => labels[name] === component);
}
