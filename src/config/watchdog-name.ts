/** Owns the name of the alert that always fires, as a sign of life of the alerts. */

/** Its name in the bundled rules, and wherever the configuration gives it no other. */
export const WATCHDOG = 'Watchdog';

/** The `alertname` of the sign of life, also without a way to people. */
export function watchdogName(
  notifications: { readonly watchdog: { readonly alertname: string } } | undefined,
): string {
  return notifications?.watchdog.alertname ?? WATCHDOG;
}
