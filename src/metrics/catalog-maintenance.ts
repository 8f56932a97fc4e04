/** Owns the series about planned work and the silences that belong to it. */
import type { MetricSpec } from './define.js';

const STABLE = { stability: 'stable', feature: 'alert' } as const;

export const maintenanceMetrics = {
  maintenanceActive: {
    name: 'maintenance_active',
    help: '1 while maintenance is on, as the store has it; 0 otherwise.',
    type: 'gauge',
    unit: undefined,
    labels: { window: 'name of an entry of `maintenance.windows`; `manual` for what somebody asked for' },
    ...STABLE,
  },
  maintenanceSince: {
    name: 'maintenance_since_timestamp_seconds',
    help: 'Moment at which maintenance began, of several the oldest, in seconds since the epoch; absent while none is on.',
    type: 'gauge',
    unit: 'seconds',
    labels: { window: 'name of an entry of `maintenance.windows`; `manual` for what somebody asked for' },
    starts: 'absent',
    ...STABLE,
  },
  maintenanceUntil: {
    name: 'maintenance_until_timestamp_seconds',
    help: 'Moment at which maintenance ends, in seconds since the epoch; absent while none is on.',
    type: 'gauge',
    unit: 'seconds',
    labels: { window: 'name of an entry of `maintenance.windows`; `manual` for what somebody asked for' },
    starts: 'absent',
    ...STABLE,
  },
  maintenanceSilences: {
    name: 'maintenance_silences',
    help: 'Silences that are wanted, those of alerts called resolved too: `active` when Alertmanager was last seen to have them, `pending` when not; `ending` when they are wanted no more, and it may have them still.',
    type: 'gauge',
    unit: undefined,
    labels: { state: '`active`, `pending`, `ending`' },
    ...STABLE,
  },
  maintenanceRecreated: {
    name: 'maintenance_silences_recreated_total',
    help: 'Silences that Alertmanager had lost and that this process made again.',
    type: 'counter',
    unit: undefined,
    labels: {},
    ...STABLE,
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
