/** Owns the description of the JSON of flows. */
import { CAPTURE_MODES, LIMIT_SEVERITIES } from '../flows/flow.js';
import { VERDICTS } from '../flows/verdict.js';
import { MAX_DAILY_DAYS, MAX_TRANSITION_DAYS } from '../operations/flow-days.js';
import {
  COUNT,
  FLAG,
  type JsonSchema,
  listOf,
  MOMENT,
  NUMBER,
  type Operation,
  object,
  orNull,
  type Parameter,
  TEXT,
} from './operation.js';

const LIMITS = object({ warning_seconds: orNull(NUMBER), critical_seconds: orNull(NUMBER) });
const STATUS = object({
  status: TEXT,
  items: orNull(COUNT),
  stuck_items: orNull(COUNT),
  oldest_age_seconds: orNull(NUMBER),
  limits: LIMITS,
});
const FLOW = object({
  flow: TEXT,
  table: TEXT,
  mode: { enum: CAPTURE_MODES },
  verdict: orNull({ enum: VERDICTS }),
  capture_lag_seconds: orNull(NUMBER),
  statuses: listOf(STATUS),
  as_of: orNull(MOMENT),
});
const STUCK_ITEM = object({
  id: TEXT,
  status: TEXT,
  entered_at: MOMENT,
  age_seconds: NUMBER,
  entered_at_exact: FLAG,
  limit: orNull({ enum: LIMIT_SEVERITIES }),
});
const STUCK: JsonSchema = object({
  flow: TEXT,
  limits: { type: 'object', additionalProperties: LIMITS },
  items: listOf(STUCK_ITEM),
  total_stuck: COUNT,
  as_of: MOMENT,
});

const FLOW_NAME: Parameter = {
  name: 'flow',
  in: 'path',
  description: 'Name of a flow, as the configuration calls it.',
  schema: TEXT,
};

/** `GET /api/flows` */
export const FLOWS_LIST: Operation = {
  id: 'listFlows',
  summary: 'Every flow with its verdict, and how many items are in each status.',
  answers: {
    200: { description: 'All flows.', type: 'application/json', schema: object({ flows: listOf(FLOW) }) },
  },
};

/** `GET /api/flows/:flow` */
export const FLOW_SHOWN: Operation = {
  id: 'showFlow',
  summary: 'One flow.',
  parameters: [FLOW_NAME],
  answers: { 200: { description: 'The flow.', type: 'application/json', schema: FLOW } },
  problems: [404],
};

/** `GET /api/flows/:flow/stuck` */
export const STUCK_SHOWN: Operation = {
  id: 'showStuckItems',
  summary: 'The items that have been in their status for longer than a limit, the oldest first.',
  parameters: [
    FLOW_NAME,
    {
      name: 'limit',
      in: 'query',
      description: 'How many items to name.',
      schema: { type: 'integer', minimum: 1, maximum: 1000, default: 20 },
      example: '20',
    },
  ],
  answers: { 200: { description: 'The stuck items.', type: 'application/json', schema: STUCK } },
  problems: [404, 503],
};

const DAY: JsonSchema = { type: 'string', format: 'date' };
const PAIR = object({ from: TEXT, to: TEXT, count: COUNT });
const SPAN = { flow: TEXT, from: DAY, to: DAY, counted_since: MOMENT, last_gap_at: orNull(MOMENT) };

const days = (maximum: number, usual: number): Parameter => ({
  name: 'days',
  in: 'query',
  description: 'How many days in UTC, today included; days before the counting began are left out.',
  schema: { type: 'integer', minimum: 1, maximum, default: usual },
  example: String(usual),
});

/** `GET /api/flows/:flow/transitions` */
export const TRANSITIONS_SHOWN: Operation = {
  id: 'showTransitions',
  summary: 'How often items moved from each status to each other one, in all and per day.',
  parameters: [FLOW_NAME, days(MAX_TRANSITION_DAYS, 7)],
  answers: {
    200: {
      description: 'The moves.',
      type: 'application/json',
      schema: object({
        ...SPAN,
        transitions: listOf(PAIR),
        days: listOf(object({ day: DAY, transitions: listOf(PAIR) })),
      }),
    },
  },
  problems: [404, 503],
};

/** `GET /api/flows/:flow/daily` */
export const DAILY_SHOWN: Operation = {
  id: 'showDaily',
  summary: 'Items that came, went and moved, per day.',
  parameters: [FLOW_NAME, days(MAX_DAILY_DAYS, 30)],
  answers: {
    200: {
      description: 'The days.',
      type: 'application/json',
      schema: object({
        ...SPAN,
        days: listOf(object({ day: DAY, arrived: COUNT, departed: COUNT, moved: COUNT })),
      }),
    },
  },
  problems: [404, 503],
};
