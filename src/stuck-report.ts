/** Owns the answer to "which items are stuck": ids by age, with the limit that each exceeds. */
import { type Flow, statusLabels, tightestLimitMs } from './flows/flow.js';
import type { StuckReport } from './http/deps.js';
import type { Database } from './storage/database.js';
import { loadStuck } from './storage/flow-totals.js';

/** The `count` longest-stuck items of a flow. A flow that is not open yet has none that we know of. */
export async function stuckReport(
  store: Database,
  flow: Flow | undefined,
  count: number,
  nowMs: number,
): Promise<StuckReport> {
  if (flow === undefined) throw new Error('The flow is not open yet, so its items are not known.');
  const limits = new Map<string, number>();
  for (const status of statusLabels(flow)) {
    const ms = tightestLimitMs(flow, status);
    if (ms !== undefined) limits.set(status, ms / 1000);
  }
  const { items, total } = await loadStuck(store, flow.name, limits, count);
  return {
    totalStuck: total,
    asOf: new Date(nowMs),
    items: items.map((item) => {
      const ageSeconds = Math.max(0, nowMs / 1000 - item.enteredUs / 1e6);
      const criticalMs = flow.limits.get(item.status)?.critical;
      const isCritical = criticalMs !== undefined && ageSeconds > criticalMs / 1000;
      const hasWarning = flow.limits.get(item.status)?.warning !== undefined;
      return {
        id: item.key,
        status: item.status,
        enteredAt: new Date(item.enteredUs / 1000),
        ageSeconds,
        enteredAtExact: item.known,
        limit: isCritical ? 'critical' : hasWarning ? 'warning' : null,
      };
    }),
  };
}
