/** Owns the description of the HTTP of planned work and of alerts that somebody calls resolved. */
import { DURATION_MINUTES } from '../maintenance/wish.js';
import { ADMIN_BYTES } from './admin-api.js';
import { KEY } from './admin-operations.js';
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
  TEXT,
} from './operation.js';

const REASON = { type: 'string', minLength: 1, maxLength: 500 } as const;
const STATE: JsonSchema = { enum: ['active', 'pending'] };
const WISH_STATE: JsonSchema = { enum: ['active', 'pending', 'ending'] };
const MATCHERS: JsonSchema = {
  type: 'object',
  minProperties: 1,
  maxProperties: 10,
  additionalProperties: { type: 'string', minLength: 1, maxLength: 200 },
};
const WISH = {
  id: COUNT,
  kind: { enum: ['maintenance', 'window', 'resolve'] },
  window: orNull(TEXT),
  matchers: listOf(object({ name: TEXT, value: TEXT, is_equal: FLAG })),
  by: TEXT,
  reason: TEXT,
  from: MOMENT,
  until: MOMENT,
  state: WISH_STATE,
  silence_id: orNull(TEXT),
} as const;
const WINDOW: JsonSchema = object({
  window: TEXT,
  cron: TEXT,
  time_zone: TEXT,
  duration_minutes: NUMBER,
  active: FLAG,
  next_start: orNull(MOMENT),
  next_end: orNull(MOMENT),
});

/** `GET /api/monitoring/maintenance` */
export const MAINTENANCE_SHOWN: Operation = {
  id: 'showMaintenance',
  summary: 'Whether maintenance is on, who wants which silences until when, and the next windows.',
  answers: {
    200: {
      description:
        'The wishes that have not ended, the oldest first, and the windows of the configuration. `ending`: over here, and Alertmanager may have the silence still.',
      type: 'application/json',
      schema: object({
        timestamp: MOMENT,
        maintenance_mode: FLAG,
        maintenance_until: orNull(MOMENT),
        silences: listOf(object(WISH)),
        windows: listOf(WINDOW),
      }),
    },
  },
  problems: [503],
};

/** `POST /api/monitoring/maintenance/enable` */
export const MAINTENANCE_ENABLED: Operation = {
  id: 'enableMaintenance',
  summary: 'Silences alerts for a while; the end comes by itself. Again for the same alerts: the new end.',
  parameters: [
    KEY,
    {
      name: 'duration_minutes',
      in: 'query',
      description: 'How long.',
      schema: {
        type: 'integer',
        minimum: DURATION_MINUTES.least,
        maximum: DURATION_MINUTES.most,
        default: 60,
      },
      example: '60',
    },
  ],
  body: {
    schema: { type: 'object', properties: { matchers: MATCHERS, reason: REASON } },
    limitBytes: ADMIN_BYTES,
    isOptional: true,
  },
  answers: {
    200: {
      description: 'It is wanted. `pending`: Alertmanager does not have it yet, and gets it when it answers.',
      type: 'application/json',
      schema: object({
        timestamp: MOMENT,
        maintenance_mode: FLAG,
        duration_minutes: COUNT,
        status: { const: 'enabled' },
        ...WISH,
        state: STATE,
      }),
    },
  },
  problems: [409, 503],
};

/** `POST /api/monitoring/maintenance/disable` */
export const MAINTENANCE_DISABLED: Operation = {
  id: 'disableMaintenance',
  summary: 'Ends all maintenance that is on, a window for this time only.',
  parameters: [KEY],
  body: {
    schema: { type: 'object', properties: { reason: REASON } },
    limitBytes: ADMIN_BYTES,
    isOptional: true,
  },
  answers: {
    200: {
      description:
        'The numbers of what was on. `ending`: Alertmanager may still be silent, and is told when it answers.',
      type: 'application/json',
      schema: object({
        timestamp: MOMENT,
        maintenance_mode: FLAG,
        status: { const: 'disabled' },
        ended: listOf(COUNT),
        state: { enum: ['ended', 'ending'] },
      }),
    },
  },
  problems: [409, 503],
};

/** `POST /api/monitoring/alerts/resolve` */
export const ALERT_RESOLVED: Operation = {
  id: 'resolveAlert',
  summary:
    'Calls an alert resolved: recorded, told, and silenced until it is over, at most 24 hours. Of more than 50 at once none: 409.',
  parameters: [
    KEY,
    {
      name: 'component',
      in: 'query',
      description:
        'What it is about: the value of its label flow, api, probe, instance or another that names a part.',
      schema: { type: 'string', minLength: 1, maxLength: 200 },
      example: 'tokens',
    },
    {
      name: 'alert_type',
      in: 'query',
      description: 'Name of the alert.',
      schema: { type: 'string', minLength: 1, maxLength: 200 },
      example: 'FlowStalled',
    },
  ],
  body: {
    schema: { type: 'object', properties: { reason: REASON } },
    limitBytes: ADMIN_BYTES,
    isOptional: true,
  },
  answers: {
    200: {
      description:
        'How many alerts were meant, how long they had fired, and whether Alertmanager has the silence.',
      type: 'application/json',
      schema: object({
        timestamp: MOMENT,
        group_id: TEXT,
        notification: TEXT,
        status: { const: 'resolved' },
        alerts: COUNT,
        duration_minutes: NUMBER,
        silenced_until: MOMENT,
        state: STATE,
      }),
    },
  },
  problems: [404, 409, 503],
};
