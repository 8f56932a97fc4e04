/** Owns the settings that Grafana takes as free values: line styles of limits, and steps between answer and picture. */
import type { GaugePanel, Query, TablePanel } from './dashboard-spec.js';

/** One property that is set for the series of one query. */
export interface Setting {
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: Grafana's type of it.
  readonly value: any;
}

/** What is done with the answers before they are drawn. */
export interface Step {
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: Grafana's type of it.
  readonly options: any;
}

const LIMIT_COLOURS = { warning: 'yellow', error: 'orange', critical: 'red', bound: 'text' } as const;

/** The letter by which Grafana knows the query at this place, counted from 0. */
export function refIdAt(at: number): string {
  return String.fromCharCode(65 + at);
}

/** A limit is a dashed line without area, and is never added to a stack. */
export function limitLine(limit: NonNullable<Query['limit']>): Setting[] {
  return [
    { id: 'color', value: { mode: 'fixed', fixedColor: LIMIT_COLOURS[limit] } },
    { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 6] } },
    { id: 'custom.lineWidth', value: 2 },
    { id: 'custom.fillOpacity', value: 0 },
    { id: 'custom.drawStyle', value: 'line' },
    { id: 'custom.stacking', value: { mode: 'none', group: 'A' } },
  ];
}

/** The limit query becomes the colour step of the others: the limit is that of the alerts, not a second one. */
export function limitSteps(spec: GaugePanel): Step[] {
  const at = spec.queries.findIndex(({ limit }) => limit !== undefined);
  const query = spec.queries[at];
  if (query?.limit === undefined) return [];
  const mapping = {
    fieldName: query.legend ?? 'Value',
    handlerKey: 'threshold1',
    handlerArguments: { threshold: { color: LIMIT_COLOURS[query.limit] } },
  };
  return [{ id: 'configFromData', options: { configRefId: refIdAt(at), mappings: [mapping] } }];
}

/** The columns in their order with their heads; every other one is hidden. */
export function columnSteps(spec: TablePanel): Step[] {
  const columns = Object.keys(spec.columns);
  const indexByName = Object.fromEntries(columns.map((column, at) => [column, at]));
  return [
    { id: 'filterFieldsByName', options: { include: { names: columns } } },
    { id: 'organize', options: { excludeByName: {}, indexByName, renameByName: spec.columns } },
  ];
}
