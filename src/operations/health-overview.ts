/** Owns the one word of health: what is critical, what only degrades, and the body of `/health`. */
import { openBreakers } from './health-breakers.js';
import { type HealthFacts, jobsNotWell, rounded } from './health-facts.js';
import { countFiring, type FiringReport } from './health-firing.js';
import { limitOf } from './health-limits.js';
import { telegramState } from './health-telegram.js';

/** Every word; `unhealthy` is a critical condition. */
export const HEALTH_STATUSES = ['healthy', 'degraded', 'unhealthy'] as const;
/** The word. */
export type HealthStatus = (typeof HEALTH_STATUSES)[number];

/** What became of one check. `unknown`: what it asks cannot be told now; `off`: it is not configured. */
export const CHECK_STATUSES = [...HEALTH_STATUSES, 'unknown', 'off'] as const;
type CheckStatus = (typeof CHECK_STATUSES)[number];

/** One check: its word, why, and numbers of its own. */
interface Check {
  readonly status: CheckStatus;
  /** Names parts of the system: only for callers who may read. Undefined when all is well. */
  readonly reason: string | undefined;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The body of `/health`; without details it is the word and the moment alone. */
export interface Overview {
  readonly status: HealthStatus;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Judges everything that is in memory: never waits, never asks a network. */
export function overviewOf(facts: HealthFacts): Overview {
  const checks: Readonly<Record<string, Check>> = {
    database: databaseCheck(facts),
    alerts: alertsCheck(facts.firing()),
    circuit_breakers: breakersCheck(facts),
    flows: flowsCheck(facts),
    jobs: jobsCheck(facts),
    services: servicesCheck(facts),
    score: scoreCheck(facts),
  };
  const all = Object.values(checks);
  const status = worst(all.map((check) => check.status));
  return {
    status,
    body: {
      status,
      timestamp: facts.now().toISOString(),
      telegram: telegramState(facts),
      reasons: all.flatMap(({ reason }) => reason ?? []),
      checks: Object.fromEntries(
        Object.entries(checks).map(([name, { status: word, fields }]) => [name, { status: word, ...fields }]),
      ),
    },
  };
}

/** Without a store nothing can be promised: that is critical. A flow that is not counted yet only degrades. */
function databaseCheck(facts: HealthFacts): Check {
  const { storeAnswers } = facts.ready();
  const error = storeAnswers ? null : 'the store does not answer';
  return { status: storeAnswers ? 'healthy' : 'unhealthy', reason: error ?? undefined, fields: { error } };
}

function alertsCheck(firing: FiringReport): Check {
  if (firing.kind !== 'known') {
    const fields = { critical_count: null, warning_count: null, muted_count: null };
    const reason = firing.kind === 'off' ? undefined : 'Alertmanager does not answer';
    return { status: firing.kind, reason, fields };
  }
  const { critical, error, warning, muted } = countFiring(firing.alerts);
  const fields = { critical_count: critical, warning_count: error + warning, muted_count: muted };
  if (critical > 0) return { status: 'unhealthy', reason: `critical alerts: ${critical}`, fields };
  if (error + warning === 0) return { status: 'healthy', reason: undefined, fields };
  return { status: 'degraded', reason: `alerts: ${error + warning}`, fields };
}

/** An open breaker protects: the process goes on without one dependency, so it is never critical. */
function breakersCheck(facts: HealthFacts): Check {
  const open = openBreakers(facts.breakers()).map(({ name }) => name);
  return {
    ...listCheck(open, 'open circuit breakers'),
    fields: { open_count: open.length, open_breakers: open },
  };
}

function flowsCheck(facts: HealthFacts): Check {
  const { uncounted } = facts.ready();
  const still = facts.flows().filter(({ verdict }) => verdict === 'stalled' || verdict === 'starved');
  const words = [
    ...uncounted.map((flow) => `${flow} is not counted`),
    ...still.map(({ flow, verdict }) => `${flow} is ${verdict}`),
  ];
  return {
    ...listCheck(words, 'flows not well'),
    fields: { not_moving: still.map(({ flow }) => flow), not_counted: uncounted },
  };
}

function jobsCheck(facts: HealthFacts): Check {
  const ill = jobsNotWell(facts.jobs()).map(({ name }) => name);
  return { ...listCheck(ill, 'jobs not well'), fields: { not_well: ill } };
}

/** Only services that have been asked: one that was not says nothing. */
function servicesCheck(facts: HealthFacts): Check {
  const failing = facts.probes().filter(({ outcome }) => outcome?.success === false);
  const names = failing.map(({ probe }) => probe);
  return { ...listCheck(names, 'services that do not answer'), fields: { failing: names } };
}

/** The alert about the score waits for minutes before it calls it critical; a single look must not. */
function scoreCheck(facts: HealthFacts): Check {
  const resources = facts.resources();
  if (resources === undefined) return { status: 'off', reason: undefined, fields: { score: null } };
  const { health } = resources;
  const fields = { score: rounded(health?.score) };
  if (health?.score === undefined) return { status: 'unknown', reason: undefined, fields };
  const limit = limitOf(facts.thresholds(), 'health_score', 'warning');
  if (limit === undefined || health.score >= limit) return { status: 'healthy', reason: undefined, fields };
  const why = health.reasons[0]?.text ?? 'no reason is known';
  return { status: 'degraded', reason: `health score ${fields.score}: ${why}`, fields };
}

function listCheck(names: readonly string[], what: string): Pick<Check, 'status' | 'reason'> {
  if (names.length === 0) return { status: 'healthy', reason: undefined };
  return { status: 'degraded', reason: `${what}: ${names.join(', ')}` };
}

/** What is not known is no illness, and no health either: it degrades when it was meant to be known. */
function worst(statuses: readonly CheckStatus[]): HealthStatus {
  if (statuses.includes('unhealthy')) return 'unhealthy';
  return statuses.includes('degraded') || statuses.includes('unknown') ? 'degraded' : 'healthy';
}
