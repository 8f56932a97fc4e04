/** Owns the list of the dashboards, in the order in which they are linked. */
import type { DashboardSpec } from './dashboard-spec.js';
import { alerts } from './dashboards/alerts.js';
import { apis } from './dashboards/api.js';
import { flow } from './dashboards/flow.js';
import { overview } from './dashboards/overview.js';
import { resources } from './dashboards/resources.js';
import { self } from './dashboards/self.js';
import { slo } from './dashboards/slo.js';

/** Every dashboard once. */
export const DASHBOARDS: readonly DashboardSpec[] = [overview, flow, apis, resources, alerts, slo, self];
