/** Owns the latest list of alerts that fire in Alertmanager: asked by a job, answered from memory with its age. */
import type { ActiveAlert, Alertmanager } from '../alerts/alertmanager.js';
import type { Job } from '../resilience/job.js';

const EVERY_MS = 10_000;
const DEADLINE_MS = 10_000;
/** An older list says nothing of now: two looks may fail, a third one is news. */
const FRESH_MS = 45_000;

/** What is known of the alerts. */
export type FiringReport =
  /** No Alertmanager is configured. */
  | { readonly kind: 'off' }
  /** It has not answered lately, or not yet. */
  | { readonly kind: 'unknown' }
  /** Muted ones too, the sign of life not among them. */
  | { readonly kind: 'known'; readonly at: Date; readonly alerts: readonly ActiveAlert[] };

/** One board per process; its job is started by whoever runs the others. */
export class FiringBoard {
  #latest: { readonly atMs: number; readonly alerts: readonly ActiveAlert[] } | undefined;

  /** `watchdog` names the alert that always fires, as a sign of life; `wallMs` is the wall clock in milliseconds. */
  constructor(
    private readonly alertmanager: Pick<Alertmanager, 'alerts'> | undefined,
    private readonly watchdog: string,
    private readonly wallMs: () => number,
  ) {}

  jobs(): readonly Job[] {
    const { alertmanager } = this;
    if (alertmanager === undefined) return [];
    return [
      {
        name: 'alerts_firing',
        intervalMs: EVERY_MS,
        deadlineMs: DEADLINE_MS,
        backoff: { firstMs: 2_000, maxMs: EVERY_MS },
        run: async (signal) => {
          const all = await alertmanager.alerts([], signal);
          const alerts = all.filter(({ labels }) => labels.alertname !== this.watchdog);
          this.#latest = { atMs: this.wallMs(), alerts };
        },
      },
    ];
  }

  /** From memory. */
  report(): FiringReport {
    if (this.alertmanager === undefined) return { kind: 'off' };
    const latest = this.#latest;
    if (latest === undefined || this.wallMs() - latest.atMs > FRESH_MS) return { kind: 'unknown' };
    return { kind: 'known', at: new Date(latest.atMs), alerts: latest.alerts };
  }
}

/** Alerts that ask for somebody now, by severity. Muted ones do not. */
export interface FiringCounts {
  readonly critical: number;
  readonly error: number;
  readonly warning: number;
  readonly info: number;
  readonly muted: number;
}

/** Counts the alerts of a list. */
export function countFiring(alerts: readonly ActiveAlert[]): FiringCounts {
  const counts = { critical: 0, error: 0, warning: 0, info: 0, muted: 0 };
  for (const { labels, isMuted } of alerts) {
    const severity = severityOf(labels.severity);
    if (severity === undefined) continue;
    counts[isMuted ? 'muted' : severity] += 1;
  }
  return counts;
}

/** The rung of the ladder that a label means; undefined for `none`, which asks for nobody. */
export function severityOf(label: string | undefined): keyof Omit<FiringCounts, 'muted'> | undefined {
  if (label === 'critical' || label === 'error' || label === 'warning' || label === 'info') return label;
  // A rule of somebody else's may have a word of its own, or none: not known is no reason to hide it.
  return label === 'none' ? undefined : 'warning';
}
