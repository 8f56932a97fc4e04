/** Owns reading what is stored about all flows, for the scrape and the API; the watched tables are never touched. */
import { arrayText } from './array-text.js';
import type { Database } from './database.js';
import { flowDwell, flowPopulation, flowReasons, flowState, flowTotals } from './schema.js';

const READ_DEADLINE_MS = 5_000;
/** Items over a limit are counted up to here: past it the exact number changes nobody's decision. */
export const STUCK_COUNT_CAP = 100_000;

/** Everything cumulative that is known of one flow. */
export interface FlowTotals {
  readonly flow: string;
  readonly mode: string | undefined;
  readonly gaps: number;
  readonly unexpected: number;
  readonly faults: number;
  readonly moves: readonly {
    readonly from: string;
    readonly to: string;
    readonly count: number;
    readonly lastUs: number;
  }[];
  readonly reasons: readonly { readonly to: string; readonly reason: string; readonly count: number }[];
  readonly dwell: readonly {
    readonly status: string;
    readonly to: string;
    readonly bounds: readonly number[];
    readonly buckets: readonly number[];
    readonly sumSeconds: number;
  }[];
  readonly population: ReadonlyMap<string, number>;
}

/** How long the items of a status have been there, by the store's clock. */
export interface StatusAge {
  readonly status: string;
  /** Entry of the item that waits longest, microseconds since the epoch; undefined when there is none. */
  readonly oldestUs: number | undefined;
  /** Items over the given limit; 0 without one. At most {@link STUCK_COUNT_CAP}. */
  readonly over: number;
}

/** One item of {@link loadStuck}. */
export interface StuckItem {
  readonly key: string;
  readonly status: string;
  readonly enteredUs: number;
  readonly known: boolean;
}

/** Totals of every flow in the store, one read of a few small tables. */
export async function loadTotals(db: Database): Promise<Map<string, FlowTotals>> {
  return db.run('load totals', READ_DEADLINE_MS, async (_sql, orm) => {
    const [states, moves, reasons, dwell, population] = await Promise.all([
      orm.select().from(flowState),
      orm.select().from(flowTotals),
      orm.select().from(flowReasons),
      orm.select().from(flowDwell),
      orm.select().from(flowPopulation),
    ]);
    const of = <T extends { flow: string }>(rows: readonly T[], flow: string) =>
      rows.filter((row) => row.flow === flow);
    return new Map(
      states.map((state) => [
        state.flow,
        {
          flow: state.flow,
          mode: state.mode ?? undefined,
          gaps: Number(state.gaps),
          unexpected: Number(state.unexpected),
          faults: Number(state.faultsSeen),
          moves: of(moves, state.flow).map((m) => ({
            from: m.fromStatus,
            to: m.toStatus,
            count: Number(m.moves),
            lastUs: Number(m.lastUs),
          })),
          reasons: of(reasons, state.flow).map((r) => ({
            to: r.toStatus,
            reason: r.reason,
            count: Number(r.moves),
          })),
          dwell: of(dwell, state.flow).map((d) => ({
            status: d.status,
            to: d.toStatus,
            bounds: d.bounds,
            buckets: d.buckets.map(Number),
            sumSeconds: Number(d.sumUs) / 1e6,
          })),
          population: new Map(of(population, state.flow).map((p) => [p.status, Number(p.items)])),
        },
      ]),
    );
  });
}

/** Age of the head of each status and items over the limit (seconds; undefined for none), through one index. */
export async function loadAges(
  db: Database,
  flow: string,
  limits: ReadonlyMap<string, number | undefined>,
): Promise<StatusAge[]> {
  const statuses = [...limits.keys()];
  const seconds = statuses.map((s) => limits.get(s) ?? null);
  return db.run('load ages', READ_DEADLINE_MS, async (sql) => {
    const rows = await sql<{ status: string; oldest_us: string | null; over: number }[]>`
      select l.status,
             (select entered_us::text from flowgauge.flow_items i
               where i.flow = ${flow} and i.status = l.status order by entered_us limit 1) as oldest_us,
             (select count(*)::int from (select 1 from flowgauge.flow_items i
               where l.seconds is not null and i.flow = ${flow} and i.status = l.status
                 and i.entered_us < ((extract(epoch from now()) - l.seconds) * 1000000)::bigint
               limit ${STUCK_COUNT_CAP}) q) as over
        from unnest(${arrayText(statuses)}::text::text[], ${arrayText(seconds)}::text::float8[]) as l(status, seconds)`;
    return rows.map((r) => ({
      status: r.status,
      oldestUs: r.oldest_us === null ? undefined : Number(r.oldest_us),
      over: r.over,
    }));
  });
}

/** The items that exceed the limit of their status, longest-waiting first, and how many there are in all. */
export async function loadStuck(
  db: Database,
  flow: string,
  limits: ReadonlyMap<string, number>,
  count: number,
): Promise<{ items: StuckItem[]; total: number }> {
  const statuses = [...limits.keys()];
  const seconds = statuses.map((s) => limits.get(s)!);
  return db.run('load stuck', READ_DEADLINE_MS, async (sql) => {
    const rows = await sql<{ key: string; status: string; entered_us: string; known: boolean }[]>`
      select q.key, q.status, q.entered_us::text, q.known
        from unnest(${arrayText(statuses)}::text::text[], ${arrayText(seconds)}::text::float8[]) as l(status, seconds)
       cross join lateral (
         select i.key, i.status, i.entered_us, i.known from flowgauge.flow_items i
          where i.flow = ${flow} and i.status = l.status
            and i.entered_us < ((extract(epoch from now()) - l.seconds) * 1000000)::bigint
          order by i.entered_us limit ${count}) q
       order by q.entered_us limit ${count}`;
    const ages = await sql<{ over: number }[]>`
      select (select count(*)::int from (select 1 from flowgauge.flow_items i
               where i.flow = ${flow} and i.status = l.status
                 and i.entered_us < ((extract(epoch from now()) - l.seconds) * 1000000)::bigint
               limit ${STUCK_COUNT_CAP}) q) as over
        from unnest(${arrayText(statuses)}::text::text[], ${arrayText(seconds)}::text::float8[]) as l(status, seconds)`;
    return {
      items: rows.map((r) => ({
        key: r.key,
        status: r.status,
        enteredUs: Number(r.entered_us),
        known: r.known,
      })),
      total: ages.reduce((sum, a) => sum + a.over, 0),
    };
  });
}
