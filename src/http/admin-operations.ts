/** Owns the description of the HTTP of administration. */
import { ADMIN_BYTES } from './admin-api.js';
import { FLAG, listOf, type Operation, object, orNull, type Parameter, TEXT } from './operation.js';

const REASON = { type: 'string', minLength: 1, maxLength: 500 } as const;
/** Header of every call of administration. */
export const KEY: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'The same key within 24 hours: one effect, and the same answer.',
  schema: { type: 'string', minLength: 8, maxLength: 200 },
};

/** `POST /admin/circuit-breaker/reset` */
export const BREAKERS_RESET: Operation = {
  id: 'resetCircuitBreakers',
  summary: 'Closes one circuit breaker, or all of them; forced ones stay as they are.',
  parameters: [KEY],
  body: {
    schema: { type: 'object', required: ['reason'], properties: { reason: REASON, name: TEXT } },
    limitBytes: ADMIN_BYTES,
  },
  answers: {
    200: {
      description: 'The breakers that were closed.',
      type: 'application/json',
      schema: object({ reset: listOf(TEXT), unknown: FLAG }),
    },
  },
  problems: [409, 503],
};

/** `POST /-/reload` */
export const CONFIG_RELOADED: Operation = {
  id: 'reloadConfig',
  summary: 'Reads the configuration and the web configuration file again; a broken one changes nothing.',
  parameters: [KEY],
  body: {
    schema: { type: 'object', required: ['reason'], properties: { reason: REASON } },
    limitBytes: ADMIN_BYTES,
  },
  answers: {
    200: {
      description: 'What came of it.',
      type: 'application/json',
      schema: object({
        outcome: { enum: ['taken', 'unchanged', 'nothing to read', 'refused'] },
        message: orNull(TEXT),
        applied: listOf(TEXT),
        restart_required: listOf(TEXT),
      }),
    },
  },
  problems: [409, 503],
};
