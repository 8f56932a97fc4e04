/** Owns the description of the HTTP of alerts and messages. */
import { REDRIVE_BYTES, WEBHOOK_BYTES } from './alert-api.js';
import {
  COUNT,
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

const LABELS: JsonSchema = { type: 'object', additionalProperties: TEXT };
/** What is not named here is read over: later versions of Alertmanager may add fields. */
const WEBHOOK: JsonSchema = {
  type: 'object',
  required: ['version', 'groupKey', 'status', 'receiver', 'alerts'],
  properties: {
    version: { const: '4' },
    groupKey: TEXT,
    status: { enum: ['firing', 'resolved'] },
    receiver: TEXT,
    groupLabels: LABELS,
    externalURL: TEXT,
    truncatedAlerts: COUNT,
    alerts: {
      type: 'array',
      maxItems: 1000,
      items: {
        type: 'object',
        required: ['status', 'labels', 'fingerprint', 'startsAt', 'endsAt'],
        properties: {
          status: { enum: ['firing', 'resolved'] },
          labels: LABELS,
          annotations: LABELS,
          startsAt: MOMENT,
          endsAt: MOMENT,
          fingerprint: TEXT,
          generatorURL: TEXT,
        },
      },
    },
  },
};
const REDRIVE: JsonSchema = {
  type: 'object',
  minProperties: 1,
  properties: {
    ids: { type: 'array', maxItems: 1000, items: { type: 'integer', minimum: 1 } },
    reason: TEXT,
    since: MOMENT,
    until: MOMENT,
  },
};
const DEAD_LETTER: JsonSchema = {
  type: 'object',
  required: ['id', 'channel', 'chat', 'reason', 'text', 'attempts', 'queued_at', 'died_at', 'alerts'],
  properties: {
    id: COUNT,
    channel: TEXT,
    chat: TEXT,
    group_key: TEXT,
    reason: TEXT,
    detail: orNull(TEXT),
    text: TEXT,
    attempts: COUNT,
    request_id: orNull(TEXT),
    queued_at: TEXT,
    died_at: TEXT,
    alerts: listOf({ type: 'object', required: ['alertname', 'fingerprint', 'status'] }),
  },
};

const moment = (name: string, description: string): Parameter => ({
  name,
  in: 'query',
  description,
  schema: MOMENT,
  example: '2026-01-02T03:04:05Z',
});
const LIMIT: Parameter = {
  name: 'limit',
  in: 'query',
  description: 'How many to answer.',
  schema: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
  example: '100',
};

/** `POST /api/alerts/webhook` */
export const WEBHOOK_TAKEN: Operation = {
  id: 'takeAlerts',
  summary: "Takes a notification of Alertmanager's webhook; 200 once it is stored.",
  body: { schema: WEBHOOK, limitBytes: WEBHOOK_BYTES },
  answers: {
    200: {
      description: 'Stored.',
      type: 'application/json',
      schema: object({ stored: COUNT, repeats: COUNT }),
    },
  },
  problems: [503],
};

/** `GET /api/alerts/history` */
export const HISTORY_LISTED: Operation = {
  id: 'listAlertHistory',
  summary: 'Alert events, the newest first.',
  parameters: [
    {
      name: 'alertname',
      in: 'query',
      description: 'Only alerts of this name.',
      schema: TEXT,
      example: 'FlowStalled',
    },
    {
      name: 'status',
      in: 'query',
      description: 'Only events of this kind.',
      schema: { enum: ['firing', 'resolved'] },
      example: 'firing',
    },
    moment('since', 'Only events received at this moment or later.'),
    moment('until', 'Only events received at this moment or earlier.'),
    LIMIT,
  ],
  answers: {
    200: {
      description: 'The events, and the means over all that match.',
      type: 'application/json',
      schema: object({
        events: listOf({ type: 'object' }),
        total: COUNT,
        mean_time_to_acknowledge_seconds: orNull(NUMBER),
        mean_time_to_resolve_seconds: orNull(NUMBER),
      }),
    },
  },
  problems: [503],
};

/** `GET /api/notifications/dead` */
export const DEAD_LISTED: Operation = {
  id: 'listDeadLetters',
  summary: 'Messages that could not be delivered, with reason and full text, the newest first.',
  parameters: [LIMIT],
  answers: {
    200: {
      description: 'The dead letters.',
      type: 'application/json',
      schema: object({ dead_letters: listOf(DEAD_LETTER) }),
    },
  },
  problems: [503],
};

/** `POST /api/notifications/dead/redrive` */
export const DEAD_REDRIVEN: Operation = {
  id: 'redriveDeadLetters',
  summary: 'Puts dead letters back into the queue; those that are not dead any more stay as they are.',
  body: { schema: REDRIVE, limitBytes: REDRIVE_BYTES },
  answers: {
    200: { description: 'How many.', type: 'application/json', schema: object({ redriven: COUNT }) },
  },
  problems: [503],
};
