/** Owns made-up planned work for tests of the HTTP face: one window, one silence, one alert that can be resolved. */
import type { MaintenanceDeps } from '../../src/http/maintenance-api.js';
import type { Wish } from '../../src/maintenance/wish.js';

const AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

/** A wish that Alertmanager has. */
export const WISH: Wish = {
  id: '7',
  tag: 'flowgauge-7',
  kind: 'maintenance',
  name: 'manual',
  matchers: [{ name: 'job', value: 'flowgauge', isEqual: true }],
  owner: 'chief',
  reason: 'new disk',
  chat: undefined,
  startsAtMs: AT_MS,
  untilMs: AT_MS + 3_600_000,
  silenceId: 'a1b2',
  isAnnounced: true,
  absentSinceMs: undefined,
  cancelledBy: undefined,
  nowMs: AT_MS,
};

/** What stands behind the routes; `resolve` knows FlowStalled of tokens. */
export function maintenanceDeps(over: Partial<MaintenanceDeps> = {}): MaintenanceDeps {
  return {
    watchdog: 'Watchdog',
    defaultMatchers: () => WISH.matchers,
    enable: async ({ minutes, ...ask }) => ({
      wish: { ...WISH, ...ask, untilMs: AT_MS + minutes * 60_000 },
      state: 'active',
    }),
    disable: async () => ({ wishes: [WISH], state: 'ended' }),
    status: async () => ({
      at: new Date(AT_MS),
      wishes: [WISH],
      ending: [],
      windows: [
        {
          name: 'nightly',
          cron: '30 2 * * *',
          timeZone: 'Europe/Berlin',
          durationMs: 1_800_000,
          matchers: undefined,
          next: { startsAtMs: AT_MS + 3_600_000, endsAtMs: AT_MS + 5_400_000 },
        },
      ],
    }),
    resolve: async ({ component, alertType }) =>
      component === 'tokens' && alertType === 'FlowStalled'
        ? { alerts: 1, state: 'active', lastedSeconds: 90, wishes: [{ ...WISH, kind: 'resolve' }] }
        : undefined,
    ...over,
  };
}
