/** Owns the text of the committed dashboards: the same description gives the same bytes. */
import { DASHBOARDS } from './all-dashboards.js';
import { buildDashboard } from './panels.js';

/** File name → text of every dashboard, as it lies in `grafana/generated/`. */
export function dashboardFiles(): ReadonlyMap<string, string> {
  return new Map(
    DASHBOARDS.map((spec) => [`${spec.uid}.json`, `${JSON.stringify(buildDashboard(spec), undefined, 2)}\n`]),
  );
}
