/** Owns the health score: signals and weights in, a number from 0 to 100 per component and in total, and why, out. */

/** What the score is made of. */
export const HEALTH_COMPONENTS = ['memory', 'cpu', 'load'] as const;
/** One part of the score. */
export type HealthComponent = (typeof HEALTH_COMPONENTS)[number];

/** Shares from 0 (all well) to 1 (used up); higher counts as 1. Undefined: not known now. */
export interface HealthSignals {
  /** Memory in use, of the container's limit when there is one. */
  readonly memory: number | undefined;
  /** Processors in use, of the container's quota when there is one. */
  readonly cpu: number | undefined;
  /** Work that waits beyond its limits; of several flows, the worst. */
  readonly load: number | undefined;
}

/** How much each component counts, at least 0; only their proportion matters. */
export type HealthWeights = Readonly<Record<HealthComponent, number>>;

/** Used unless configured otherwise. */
export const DEFAULT_HEALTH_WEIGHTS: HealthWeights = { memory: 0.4, cpu: 0.3, load: 0.3 };

/**
 * Points that a component loses per hundredth of its signal. Memory and processors stop being of use before they are
 * used up: memory scores 0 from two thirds on, processors from five sixths, waiting work only when all of it is late.
 */
export const HEALTH_SLOPES: HealthWeights = { memory: 1.5, cpu: 1.2, load: 1 };

/** Why the score is not 100. */
export interface HealthReason {
  readonly name: `${HealthComponent}_in_use` | `${HealthComponent}_unknown`;
  readonly component: HealthComponent;
  /** Points that it takes from the total; 0 for a component that is not known and therefore not counted. */
  readonly points: number;
  /** One sentence for people. */
  readonly text: string;
}

/** The answer. */
export interface Health {
  /** 0 to 100; undefined when no component that counts is known. */
  readonly score: number | undefined;
  /** 0 to 100 for each component that is known. */
  readonly components: ReadonlyMap<HealthComponent, number>;
  /** The costliest first. */
  readonly reasons: readonly HealthReason[];
}

const WHAT: Readonly<Record<HealthComponent, string>> = {
  memory: 'of the memory is in use',
  cpu: 'of the processors is in use',
  load: 'of the work with a limit waits beyond it',
};

/**
 * Judges the signals. A component that is not known takes no part: its weight goes to the others in proportion, and a
 * reason says so. A worse signal never makes a better score.
 */
export function judgeHealth(signals: HealthSignals, weights: HealthWeights = DEFAULT_HEALTH_WEIGHTS): Health {
  const known = HEALTH_COMPONENTS.filter((component) => isShare(signals[component]));
  const components = new Map(known.map((c) => [c, componentScore(c, signals[c]!)] as const));
  const weightSum = known.reduce((sum, component) => sum + weights[component], 0);
  const reasons: HealthReason[] = [];
  let lost = 0;
  for (const component of HEALTH_COMPONENTS) {
    const score = components.get(component);
    if (score === undefined) {
      reasons.push(unknownReason(component, weights[component]));
      continue;
    }
    const points = weightSum > 0 ? ((100 - score) * weights[component]) / weightSum : 0;
    lost += points;
    if (points > 0) reasons.push(useReason(component, signals[component]!, points));
  }
  reasons.sort((a, b) => b.points - a.points);
  const score = weightSum > 0 ? Math.min(100, Math.max(0, 100 - lost)) : undefined;
  return { score, components, reasons };
}

/** The score of one component, 0 to 100, for a share from 0 on. */
export function componentScore(component: HealthComponent, share: number): number {
  return Math.min(100, Math.max(0, 100 - 100 * HEALTH_SLOPES[component] * share));
}

function isShare(value: number | undefined): boolean {
  return value !== undefined && value >= 0;
}

function useReason(component: HealthComponent, share: number, points: number): HealthReason {
  const percent = Math.round(Math.min(1, share) * 1000) / 10;
  return {
    name: `${component}_in_use`,
    component,
    points,
    text: `${percent} % ${WHAT[component]}: ${Math.round(points * 10) / 10} points less`,
  };
}

function unknownReason(component: HealthComponent, weight: number): HealthReason {
  const text =
    weight > 0
      ? `${component} is not known now: the others count for it`
      : `${component} is not known now, and does not count`;
  return { name: `${component}_unknown`, component, points: 0, text };
}

/** Work of one flow in statuses that have a limit. */
export interface WaitingWork {
  /** Items in statuses with a limit. */
  readonly items: number;
  /** Those of them that are beyond it. */
  readonly overLimit: number;
}

/**
 * The load that work puts on a system: the share of items beyond their limit, of the worst flow, because a large flow
 * that is well must not hide a small one that is not. Undefined when no flow with a limit is counted.
 */
export function loadOfWork(flows: readonly WaitingWork[]): number | undefined {
  const shares = flows.map(({ items, overLimit }) => (items > 0 ? Math.min(1, overLimit / items) : 0));
  return shares.length === 0 ? undefined : Math.max(...shares);
}
