/** Owns the description of the HTTP of the last samples of the machine. */
import { HISTORY_MINUTES } from '../operations/health-resource-history.js';
import { HISTORY_COLUMNS } from '../resources/history.js';
import {
  COUNT,
  type JsonSchema,
  listOf,
  MOMENT,
  NUMBER,
  type Operation,
  object,
  orNull,
} from './operation.js';

const MAYBE = orNull(NUMBER);
const SUMMARY = object({ known: COUNT, min: MAYBE, mean: MAYBE, max: MAYBE });
const columns = (schema: JsonSchema) =>
  Object.fromEntries(HISTORY_COLUMNS.map((column) => [column, schema] as const));

const HISTORY = object({
  timestamp: MOMENT,
  minutes: COUNT,
  interval_seconds: NUMBER,
  capacity: COUNT,
  row_count: COUNT,
  rows: listOf(object({ time: MOMENT, ...columns(MAYBE) })),
  summary: object(columns(SUMMARY)),
});

/** `GET /resources/history` */
export const RESOURCE_HISTORY_SHOWN: Operation = {
  id: 'showResourceHistory',
  summary: 'The last samples of the machine and of this process, from its own memory.',
  parameters: [
    {
      name: 'minutes',
      in: 'query',
      description: 'How far back. A start forgets what was before it.',
      schema: {
        type: 'integer',
        minimum: HISTORY_MINUTES.least,
        maximum: HISTORY_MINUTES.most,
        default: HISTORY_MINUTES.usual,
      },
      example: '60',
    },
  ],
  answers: {
    200: {
      description: 'The rows, the oldest first; null is what could not be read.',
      type: 'application/json',
      schema: HISTORY,
    },
  },
  problems: [503],
};
