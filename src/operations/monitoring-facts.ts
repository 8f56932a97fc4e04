/** Owns what the bodies of monitoring are made from beside the facts of health, and the choice of the flow that is meant. */
import type { FlowFacts, HealthFacts } from './health-facts.js';

/** What moved lately in one flow. */
export interface RecentMoves {
  /** Seconds that are really looked back on: less than asked for in the first while after a start. */
  readonly windowSeconds: number;
  /** Moves into each status, arrivals included. */
  readonly into: ReadonlyMap<string, number>;
  /** Moves in all, departures included. */
  readonly total: number;
}

/** Where the facts come from. Nothing here waits or asks a network. */
export interface MonitoringFacts extends HealthFacts {
  /** Undefined while the moves of the flow are not counted as they happen: no store, no look, or a backlog. */
  recentMoves(flow: string, seconds: number): RecentMoves | undefined;
}

/** The flow that is meant, or why none is. */
export type ChosenFlow =
  | { readonly kind: 'chosen'; readonly flow: FlowFacts }
  | { readonly kind: 'none open' }
  | { readonly kind: 'unknown' | 'ambiguous'; readonly names: readonly string[] };

/** The flow of this name; without one the flow `usual`, or the only flow there is. */
export function chooseFlow(flows: readonly FlowFacts[], name: string | undefined, usual: string): ChosenFlow {
  if (flows.length === 0) return { kind: 'none open' };
  const names = flows.map(({ flow }) => flow);
  const found = flows.find(({ flow }) => flow === (name ?? usual));
  if (found !== undefined) return { kind: 'chosen', flow: found };
  if (name !== undefined) return { kind: 'unknown', names };
  return flows.length === 1 ? { kind: 'chosen', flow: flows[0]! } : { kind: 'ambiguous', names };
}

/** The facts per hour; undefined in the first moments, when a single move would look like thousands. */
export function perHour(count: number, windowSeconds: number): number | undefined {
  return windowSeconds < 60 ? undefined : (count * 3600) / windowSeconds;
}
