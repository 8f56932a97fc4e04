/** Owns the latest answer of every probed service: asked by jobs of their own, shown as series, answered with its age. */
import { Turns } from './changes/turns.js';
import type { ProbesConfig } from './config/probes.js';
import { Secret } from './config/secret.js';
import { readSecretFile } from './config/secret-file.js';
import type { ValidConfig } from './config/valid-config.js';
import { type ProbeSeries, probeSeries } from './metrics/probe-series.js';
import type { Metrics } from './metrics/registry.js';
import type { OpenDatabases } from './open-databases.js';
import { probeSpecOf } from './probes/build.js';
import { systemResolve } from './probes/dial.js';
import { postgresProbe } from './probes/postgres.js';
import { createProbe, type Probe, type ProbeOutcome, type ProbeSpec } from './probes/probe.js';
import type { Job } from './resilience/job.js';
import { parseAddress } from './storage/address.js';
import type { RootLogger } from './telemetry/logger.js';

/** Probes that may be on their way at the same time: each can hold a socket and a look-up of a name. */
const AT_ONCE = 16;
const JITTER = 0.1;
const OWN_INTERVAL_MS = 15_000;
const OWN_TIMEOUT_MS = 5_000;
/** Above what a full house of hanging probes makes one wait for its turn. */
const WAIT_MS = 10 * 60_000;
/** A probe that has begun ends within its timeout; later means that it waits for its turn. */
const TOLERANCE_MS = 5_000;

/** The latest answer of one service. */
export interface ProbeReport {
  readonly probe: string;
  readonly kind: Probe['kind'];
  /** Whom it asks, for people; never with a secret. */
  readonly target: string;
  /** Undefined before the first answer. */
  readonly outcome: ProbeOutcome | undefined;
  /** Moment of that answer and of the latest good one. */
  readonly at: Date | undefined;
  readonly lastSuccessAt: Date | undefined;
  /** Bad answers since the latest good one. */
  readonly consecutiveFailures: number;
}

/** What the board needs beside the probes. */
export interface ProbeBoardOptions {
  readonly metrics: Metrics;
  readonly log: RootLogger;
  /** Wall clock in milliseconds since the epoch. */
  readonly wallMs: () => number;
}

/** One probe and how often it asks. */
export interface PlannedProbe {
  readonly probe: Probe;
  readonly intervalMs: number;
}

/** One board per process; its jobs are started by whoever runs the others. */
export class ProbeBoard {
  readonly #series: ProbeSeries;
  readonly #reports: Map<string, ProbeReport>;
  readonly #turns = new Turns(AT_ONCE);

  constructor(
    private readonly planned: readonly PlannedProbe[],
    private readonly options: ProbeBoardOptions,
  ) {
    this.#series = probeSeries(
      options.metrics,
      planned.map(({ probe }) => probe.name),
    );
    this.#reports = new Map(planned.map(({ probe }) => [probe.name, unasked(probe)]));
  }

  /** One job per probe, so that one that hangs delays no other. */
  jobs(): readonly Job[] {
    return this.planned.map(({ probe, intervalMs }) => ({
      name: `probe_${probe.name}`,
      every: { periodMs: intervalMs },
      jitter: JITTER,
      deadlineMs: probe.deadlineMs + WAIT_MS,
      toleranceMs: probe.deadlineMs + TOLERANCE_MS,
      run: (signal) => this.#turns.take(signal, async () => this.#take(probe, await probe.run(signal))),
    }));
  }

  /** The latest answer of each service: source and store first, then in the order of the configuration. From memory. */
  latest(): readonly ProbeReport[] {
    return [...this.#reports.values()];
  }

  #take(probe: Probe, outcome: ProbeOutcome): void {
    const { wallMs } = this.options;
    const nowMs = wallMs();
    this.#series.take(probe.name, outcome, nowMs / 1000);
    // What we ended ourselves, while stopping, is no answer of the service.
    if (outcome.reason === 'cancelled') return;
    const before = this.#reports.get(probe.name) ?? unasked(probe);
    const at = new Date(nowMs);
    this.#reports.set(probe.name, {
      ...before,
      outcome,
      at,
      lastSuccessAt: outcome.success ? at : before.lastSuccessAt,
      consecutiveFailures: outcome.success ? 0 : before.consecutiveFailures + 1,
    });
    this.#tell(probe, before.outcome, outcome);
  }

  /** Only changes: a service that stays away is in its series, not in every line of the log. */
  #tell(probe: Probe, before: ProbeOutcome | undefined, now: ProbeOutcome): void {
    if (before?.reason === now.reason && before !== undefined) return;
    const log = this.options.log.named(`probe_${probe.name}`);
    const about = { probe: probe.name, kind: probe.kind, target: probe.target };
    if (now.success) log.info('service answers', about);
    else
      log.warn('service does not answer as it must', { ...about, reason: now.reason, message: now.message });
  }
}

/** The board of an exporter: the databases that it works with, and what the configuration names. */
export function openProbeBoard(
  config: Pick<ValidConfig, 'source' | 'store' | 'probes'>,
  parts: Pick<ProbeBoardOptions, 'metrics' | 'log'> & {
    readonly databases: Pick<OpenDatabases, 'sourceUrl' | 'storeUrl'>;
  },
): ProbeBoard {
  const own = config.source === config.store ? (['source'] as const) : (['source', 'store'] as const);
  const specs: readonly (readonly [ProbeSpec, number])[] = [
    ...own.map((role) => {
      const url = new Secret(parts.databases[`${role}Url`]);
      const spec = postgresProbe({ name: role, url, timeoutMs: OWN_TIMEOUT_MS, role, net: undefined });
      return [spec, OWN_INTERVAL_MS] as const;
    }),
    ...configured(config.probes, parts.log),
  ];
  const planned = specs.map(([spec, intervalMs]) => ({
    probe: createProbe(spec, () => performance.now()),
    intervalMs,
  }));
  return new ProbeBoard(planned, { ...parts, wallMs: Date.now });
}

function configured(config: ProbesConfig, log: RootLogger): readonly (readonly [ProbeSpec, number])[] {
  const known = new Map<string, string>();
  const parts = {
    net: { allowed: config.allowNetworks, resolve: systemResolve() },
    readSecret: (path: string) => {
      const read = readSecretFile(path);
      // Before anybody sends it: the first line of the log that could hold it comes after.
      if (read.ok && known.get(path) !== read.value) log.protect(read.value);
      if (read.ok) known.set(path, read.value);
      return read;
    },
  };
  return config.targets.map((target) => {
    if (target.kind === 'postgres') {
      const url = target.url.reveal();
      for (const secret of [url, ...parseAddress(url).secrets()]) log.protect(secret);
    }
    return [probeSpecOf(target, parts), target.intervalMs] as const;
  });
}

function unasked({ name, kind, target }: Probe): ProbeReport {
  return {
    probe: name,
    kind,
    target,
    outcome: undefined,
    at: undefined,
    lastSuccessAt: undefined,
    consecutiveFailures: 0,
  };
}
