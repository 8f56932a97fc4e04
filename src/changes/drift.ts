/** Owns what an audit concludes from counts: how many rows of a status we do not account for. Pure. */
import { type Flow, NONE, statusLabel } from '../flows/flow.js';
import type { Census } from './change-source.js';

/** Rows minus (items + what waits), per label. Every declared status is present, zero included. */
export function driftOf(
  flow: Flow,
  population: ReadonlyMap<string, number>,
  census: Pick<Census, 'table' | 'pending'>,
): Map<string, number> {
  const sum = (a: number, b: number) => a + b;
  const rows = byLabel(flow, census.table, sum);
  const pending = byLabel(flow, census.pending, sum);
  const drift = new Map<string, number>();
  const labels = new Set([...flow.statuses, ...rows.keys(), ...pending.keys(), ...population.keys()]);
  labels.delete(NONE);
  for (const label of labels) {
    drift.set(label, (rows.get(label) ?? 0) - (population.get(label) ?? 0) - (pending.get(label) ?? 0));
  }
  return drift;
}

/** Values per raw status as values per label; `join` decides about statuses that share a label. */
export function byLabel(
  flow: Pick<Flow, 'statuses'>,
  raw: ReadonlyMap<string, number>,
  join: (a: number, b: number) => number,
): Map<string, number> {
  const result = new Map<string, number>();
  for (const [status, value] of raw) {
    const label = statusLabel(flow, status);
    const before = result.get(label);
    result.set(label, before === undefined ? value : join(before, value));
  }
  return result;
}
