/** Owns the latest picture of each flow: takes totals, ages, queues and audits as they come, writes series, answers the API. */
import type { Backlog } from './changes/change-source.js';
import type { RunnerEvent } from './changes/flow-runner.js';
import { Continuity } from './flows/continuity.js';
import { type CaptureMode, type Flow, OTHER, statusLabels, tightestLimitMs } from './flows/flow.js';
import { MoveHistory, type StatusNow } from './flows/history.js';
import {
  declareFlow,
  publishAges,
  publishAudit,
  publishCounts,
  publishTotals,
  publishVerdict,
} from './flows/publish.js';
import { judge, type Verdict } from './flows/verdict.js';
import type { FlowOverview } from './http/deps.js';
import type { Metrics } from './metrics/registry.js';
import type { FlowTotals, StatusAge } from './storage/flow-totals.js';

interface Picture {
  readonly flow: Flow;
  readonly mode: CaptureMode;
  readonly history: MoveHistory;
  readonly continuity: Continuity;
  totals: FlowTotals | undefined;
  now: ReadonlyMap<string, StatusNow & { readonly over: number }>;
  backlog: Backlog | undefined;
  verdict: Verdict | undefined;
  asOfMs: number | undefined;
}

/** One board per process. Nothing here waits: it only turns values into series and answers. */
export class FlowBoard {
  private readonly pictures = new Map<string, Picture>();

  constructor(
    private readonly metrics: Metrics,
    /** Wall clock in milliseconds. */
    private readonly nowMs: () => number,
  ) {}

  /** A flow was opened, or opened anew in another mode. */
  open(flow: Flow, mode: CaptureMode): void {
    declareFlow(this.metrics, flow, mode);
    this.pictures.set(flow.name, {
      flow,
      mode,
      history: new MoveHistory(flow),
      continuity: new Continuity(mode),
      totals: undefined,
      now: new Map(),
      backlog: undefined,
      verdict: undefined,
      asOfMs: undefined,
    });
  }

  /** The flows that are open, with the limits whose ages the store is asked for. */
  limits(): ReadonlyMap<string, ReadonlyMap<string, number | undefined>> {
    const open = [...this.pictures.values()].filter((p) => p.mode !== 'snapshot');
    return new Map(open.map(({ flow }) => [flow.name, limitSeconds(flow)]));
  }

  /** What the runners report. */
  take(event: RunnerEvent): void {
    if (event.kind === 'opened') this.open(event.flow, event.mode);
    if (event.kind === 'backlog') this.takeBacklog(event.flow, event.backlog);
    if (event.kind === 'audited') publishAudit(this.metrics, event.flow, event.audit, this.nowMs() / 1000);
    if (event.kind === 'counted') this.takeCounts(event.flow, event.counts);
  }

  /** Totals of all flows, as the store has them; the source of every counter. */
  takeTotals(totals: ReadonlyMap<string, FlowTotals>): void {
    for (const picture of this.pictures.values()) {
      const mine = totals.get(picture.flow.name);
      if (mine === undefined || picture.mode === 'snapshot') continue;
      picture.totals = mine;
      picture.asOfMs = this.nowMs();
      picture.continuity.tookTotals(this.nowMs() / 1000);
      publishTotals(this.metrics, picture.flow, mine);
      picture.history.remember(this.nowMs() / 1000, mine.moves);
      this.judge(picture);
    }
  }

  /** Ages of one flow, as the store has them. */
  takeAges(flow: string, ages: readonly StatusAge[]): void {
    const picture = this.pictures.get(flow);
    if (picture === undefined) return;
    picture.now = new Map(
      ages.map((a) => [
        a.status,
        { items: picture.totals?.population.get(a.status) ?? 0, oldestUs: a.oldestUs, over: a.over },
      ]),
    );
    publishAges(this.metrics, picture.flow, ages);
    this.judge(picture);
  }

  /** One overview per open flow. */
  overviews(): readonly FlowOverview[] {
    return [...this.pictures.values()].map((picture) => this.overview(picture));
  }

  /** What moved in a flow within the last `seconds`; undefined while its moves are not counted as they happen. */
  recentMoves(flow: string, seconds: number): ReturnType<MoveHistory['recent']> {
    const picture = this.pictures.get(flow);
    const nowSeconds = this.nowMs() / 1000;
    const sinceSeconds = picture?.continuity.since(nowSeconds);
    if (picture?.totals === undefined || sinceSeconds === undefined) return undefined;
    return picture.history.recent(nowSeconds, seconds, sinceSeconds, picture.totals.moves);
  }

  /** The flows whose moves are counted as they happen: the store answers, and no backlog is being read. */
  counted(): ReadonlySet<string> {
    const nowSeconds = this.nowMs() / 1000;
    const known = [...this.pictures].filter(([, one]) => one.continuity.since(nowSeconds) !== undefined);
    return new Set(known.map(([name]) => name));
  }

  private overview({ flow, mode, totals, now, backlog, verdict, asOfMs }: Picture): FlowOverview {
    return {
      flow: flow.name,
      table: `${flow.table.schema}.${flow.table.name}`,
      mode,
      verdict,
      statuses: statusLabels(flow)
        .filter((status) => status !== OTHER || (now.get(OTHER)?.items ?? 0) > 0)
        .map((status) => {
          const seen = now.get(status);
          return {
            status,
            items: totals?.population.get(status) ?? seen?.items ?? (asOfMs === undefined ? undefined : 0),
            stuckItems: seen?.over,
            oldestAgeSeconds:
              seen?.oldestUs === undefined
                ? undefined
                : Math.max(0, this.nowMs() / 1000 - seen.oldestUs / 1e6),
          };
        }),
      captureLagSeconds: backlog?.oldestAgeSeconds,
      limits: new Map(
        [...flow.limits].map(([status, limit]) => [
          status,
          Object.fromEntries(Object.entries(limit).map(([severity, ms]) => [severity, ms / 1000])),
        ]),
      ),
      asOf: asOfMs === undefined ? undefined : new Date(asOfMs),
    };
  }

  private takeBacklog(flow: Flow, backlog: Backlog): void {
    const picture = this.pictures.get(flow.name);
    if (picture === undefined) return;
    picture.backlog = backlog;
    picture.continuity.looked(this.nowMs() / 1000, backlog.oldestAgeSeconds);
    this.metrics.flowCaptureLag.set({ flow: flow.name }, backlog.oldestAgeSeconds);
    this.metrics.flowCaptureBacklog.set({ flow: flow.name }, backlog.entries);
  }

  private takeCounts(flow: Flow, counts: Parameters<typeof publishCounts>[2]): void {
    const picture = this.pictures.get(flow.name);
    if (picture === undefined) return;
    picture.now = counts;
    picture.asOfMs = this.nowMs();
    publishCounts(this.metrics, flow, counts, this.nowMs() / 1000);
  }

  private judge(picture: Picture): void {
    const seconds = this.nowMs() / 1000;
    picture.verdict = judge(picture.history.observe(seconds, picture.totals?.moves ?? [], picture.now));
    publishVerdict(this.metrics, picture.flow, picture.verdict);
  }
}

function limitSeconds(flow: Flow): ReadonlyMap<string, number | undefined> {
  return new Map(
    statusLabels(flow).map((status) => {
      const ms = tightestLimitMs(flow, status);
      return [status, ms === undefined ? undefined : ms / 1000];
    }),
  );
}
