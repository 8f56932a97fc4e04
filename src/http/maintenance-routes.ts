/** Owns the rows of the table of routes that belong to planned work and to alerts that somebody calls resolved. */
import type { AdminDeps } from './admin-api.js';
import type { Answer, FaceRequest } from './answer.js';
import {
  disableMaintenance,
  enableMaintenance,
  type MaintenanceDeps,
  needed,
  resolveAlert,
  showMaintenance,
} from './maintenance-api.js';
import {
  ALERT_RESOLVED,
  MAINTENANCE_DISABLED,
  MAINTENANCE_ENABLED,
  MAINTENANCE_SHOWN,
} from './maintenance-operations.js';
import type { Operation } from './operation.js';
import type { Route } from './route.js';

/** Rows of planned work. Whatever changes something is administration, and not there until that is enabled. */
export const MAINTENANCE_ROUTES: readonly Route[] = [
  {
    ...{ method: 'GET', path: '/api/monitoring/maintenance', role: 'read', operation: MAINTENANCE_SHOWN },
    handle: ({ maintenance }) => showMaintenance(needed(maintenance)),
  },
  ofAdmin('/api/monitoring/maintenance/enable', MAINTENANCE_ENABLED, enableMaintenance),
  ofAdmin('/api/monitoring/maintenance/disable', MAINTENANCE_DISABLED, disableMaintenance),
  ofAdmin('/api/monitoring/alerts/resolve', ALERT_RESOLVED, resolveAlert),
];

function ofAdmin(
  path: string,
  operation: Operation,
  handle: (admin: AdminDeps, maintenance: MaintenanceDeps, request: FaceRequest) => Promise<Answer>,
): Route {
  return {
    ...{ method: 'POST', path, role: 'admin', needs: 'admin', operation },
    handle: async ({ admin, maintenance }, request) => handle(admin!, needed(maintenance), request),
  };
}
