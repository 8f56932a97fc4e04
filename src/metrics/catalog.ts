/** Owns the catalogue: every series this release emits, with its labels, unit and purpose. */
import { accessMetrics } from './catalog-access.js';
import { flowMetrics } from './catalog-flows.js';
import { httpMetrics } from './catalog-http.js';
import { jobMetrics } from './catalog-jobs.js';
import { loadMetrics } from './catalog-load.js';
import { logMetrics } from './catalog-log.js';
import { maintenanceMetrics } from './catalog-maintenance.js';
import { notificationMetrics } from './catalog-notifications.js';
import { policyMetrics } from './catalog-policies.js';
import { probeMetrics } from './catalog-probes.js';
import { resourceMetrics } from './catalog-resources.js';
import { selfMetrics } from './catalog-self.js';
import { thresholdMetrics } from './catalog-thresholds.js';
import { defineCatalog } from './define.js';

/** All definitions by the names that their instruments have in the program. */
export const catalog = defineCatalog({
  ...accessMetrics,
  ...flowMetrics,
  ...httpMetrics,
  ...policyMetrics,
  ...jobMetrics,
  ...loadMetrics,
  ...logMetrics,
  ...maintenanceMetrics,
  ...notificationMetrics,
  ...probeMetrics,
  ...resourceMetrics,
  ...selfMetrics,
  ...thresholdMetrics,
});

/** The type of the catalogue: keys are the names of the instruments in the program. */
export type Catalog = typeof catalog;
