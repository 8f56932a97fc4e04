/** Owns the catalogue: every series this release emits, with its labels, unit and purpose. */
import { flowMetrics } from './catalog-flows.js';
import { httpMetrics } from './catalog-http.js';
import { jobMetrics } from './catalog-jobs.js';
import { policyMetrics } from './catalog-policies.js';
import { selfMetrics } from './catalog-self.js';
import { defineCatalog } from './define.js';

/** All definitions by the names that their instruments have in the program. */
export const catalog = defineCatalog({
  ...flowMetrics,
  ...httpMetrics,
  ...policyMetrics,
  ...jobMetrics,
  ...selfMetrics,
});

/** The type of the catalogue: keys are the names of the instruments in the program. */
export type Catalog = typeof catalog;
