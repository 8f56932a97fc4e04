/** Owns the shape of our own tables (PostgreSQL schema `flowgauge`) as the query builder sees them. */
import {
  bigint,
  boolean,
  date,
  doublePrecision,
  index,
  numeric,
  pgSchema,
  primaryKey,
  text,
  timestamp,
} from 'drizzle-orm/pg-core';

/** Schema that holds every table of the store. */
export const flowgauge = pgSchema('flowgauge');

const exact = { mode: 'bigint' } as const;
const moment = { withTimezone: true, mode: 'string' } as const;

/** Facts about the store itself; `schema_version` is the last migration that was applied. */
export const meta = flowgauge.table('meta', {
  key: text().primaryKey(),
  value: text().notNull(),
});

/** Where each flow stands. `version` rises with each change and is the fence of every write. */
export const flowState = flowgauge.table('flow_state', {
  flow: text().primaryKey(),
  /** Null until the first baseline. */
  mode: text(),
  version: bigint(exact).notNull().default(0n),
  /** Snapshots (`pg_snapshot` as text) between which changes are read; see flows/cursor. */
  cursorSeen: text('cursor_seen'),
  cursorUpto: text('cursor_upto'),
  cursorId: bigint('cursor_id', exact),
  /** Microseconds since the epoch. */
  pollAtUs: bigint('poll_at_us', exact),
  baselineAt: timestamp('baseline_at', moment),
  gaps: bigint(exact).notNull().default(0n),
  lastGapAt: timestamp('last_gap_at', moment),
  lastGapReason: text('last_gap_reason'),
  faultsSeen: bigint('faults_seen', exact).notNull().default(0n),
  unexpected: bigint(exact).notNull().default(0n),
  unknown: bigint(exact).notNull().default(0n),
  folded: bigint(exact).notNull().default(0n),
  updatedAt: timestamp('updated_at', moment).notNull().defaultNow(),
  /** Since when moves are counted by day; a later baseline does not change it. Null until the first one. */
  countedSince: timestamp('counted_since', moment),
});

/** Every living item: its status and since when. */
export const flowItems = flowgauge.table(
  'flow_items',
  {
    flow: text().notNull(),
    key: text().notNull(),
    status: text().notNull(),
    enteredUs: bigint('entered_us', exact).notNull(),
    /** False: the entry time is only the latest it can have been. */
    known: boolean().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.flow, t.key] }),
    index('flow_items_by_status').on(t.flow, t.status, t.enteredUs),
  ],
);

/** How often each move happened, and when last. */
export const flowTotals = flowgauge.table(
  'flow_totals',
  {
    flow: text().notNull(),
    fromStatus: text('from_status').notNull(),
    toStatus: text('to_status').notNull(),
    moves: bigint(exact).notNull(),
    lastUs: bigint('last_us', exact).notNull(),
  },
  (t) => [primaryKey({ columns: [t.flow, t.fromStatus, t.toStatus] })],
);

/** How often each move happened on each day, in UTC. */
export const flowDays = flowgauge.table(
  'flow_days',
  {
    flow: text().notNull(),
    day: date({ mode: 'string' }).notNull(),
    fromStatus: text('from_status').notNull(),
    toStatus: text('to_status').notNull(),
    moves: bigint(exact).notNull(),
  },
  (t) => [primaryKey({ columns: [t.flow, t.day, t.fromStatus, t.toStatus] })],
);

/** How often each declared reason was given for a move. */
export const flowReasons = flowgauge.table(
  'flow_reasons',
  {
    flow: text().notNull(),
    toStatus: text('to_status').notNull(),
    reason: text().notNull(),
    moves: bigint(exact).notNull(),
  },
  (t) => [primaryKey({ columns: [t.flow, t.toStatus, t.reason] })],
);

/** Dwell times: one count per bucket (not cumulative, the last one unbounded) and the exact sum. */
export const flowDwell = flowgauge.table(
  'flow_dwell',
  {
    flow: text().notNull(),
    status: text().notNull(),
    toStatus: text('to_status').notNull(),
    /** Upper bounds in seconds, without +Inf. */
    bounds: doublePrecision().array().notNull(),
    buckets: bigint(exact).array().notNull(),
    sumUs: numeric('sum_us').notNull(),
  },
  (t) => [primaryKey({ columns: [t.flow, t.status, t.toStatus] })],
);

/** How many items stand in each status. */
export const flowPopulation = flowgauge.table(
  'flow_population',
  {
    flow: text().notNull(),
    status: text().notNull(),
    items: bigint(exact).notNull(),
  },
  (t) => [primaryKey({ columns: [t.flow, t.status] })],
);

/** Who leads. `epoch` rises with each change of leadership and never falls. */
export const lease = flowgauge.table('lease', {
  name: text().primaryKey(),
  holder: text().notNull(),
  epoch: bigint(exact).notNull(),
  expiresAt: timestamp('expires_at', moment).notNull(),
});
