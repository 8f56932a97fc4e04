/** Owns the keys of one flow in `flowgauge.yml`, each with its meaning and bounds. */
import { z } from 'zod';
import { CAPTURE_MODES } from '../flows/flow.js';
import {
  defaulted,
  documented,
  duration,
  type FieldDoc,
  list,
  oneOf,
  optional,
  refuseTo,
  required,
  whenMap,
} from './fields.js';
import { checkFlow } from './flow-checks.js';
import { parseIdentifier, parseLabelValue, parseMove, parseStatus, parseTableText } from './names.js';

/** `auto` takes the most exact mode that the rights on the source allow. */
export const CAPTURE_CHOICES = ['auto', ...CAPTURE_MODES] as const;

/** Most declared statuses of a flow: moves are pairs of them, so more would not fit the series budget. */
const MAX_STATUSES = 100;
const MAX_MOVES = 1000;
const MAX_KEY_COLUMNS = 32;

const column = (meaning: string, example: string) =>
  optional({ meaning, example, bounds: 'a column of the table', absent: 'unknown' }, parseIdentifier);

const tableDoc: FieldDoc = {
  meaning:
    'The table that is watched, as `schema.table` or, for names with dots or quotes, `{schema, name}`.',
  example: 'public.tokens',
  bounds: 'names exactly as in the catalog, at most 63 bytes each',
  absent: 'required',
};

const table = documented(
  z.preprocess(
    (raw, context) => {
      if (typeof raw !== 'string') return raw;
      const parsed = parseTableText(raw);
      if (parsed.ok) return parsed.value;
      context.addIssue({ code: 'custom', message: parsed.what, params: { remedy: parsed.remedy } });
      return z.NEVER;
    },
    z.strictObject({
      schema: required({ meaning: 'The schema of the table.', example: 'public' }, parseIdentifier),
      name: required({ meaning: 'The table in that schema.', example: 'tokens' }, parseIdentifier),
    }),
  ),
  tableDoc,
);

const keyDoc: FieldDoc = {
  meaning: 'The column, or list of columns, that identifies an item.',
  example: 'id',
  bounds: `1 to ${MAX_KEY_COLUMNS} columns; together unique in the table`,
  absent: 'required',
};

const limitField = (severity: string, example: string) =>
  optional(
    {
      meaning: `Time in the status after which an item counts as stuck with severity ${severity}.`,
      example,
      bounds: '1s to 365d; critical above warning',
      absent: 'no limit',
    },
    duration('1s', '365d'),
  );

const reasonDoc: FieldDoc = {
  meaning: 'A column that says why an item moved, as its name or as `{column, values}`.',
  example: 'archive_reason',
  absent: 'reasons are not counted',
};

const reason = documented(
  z
    .preprocess(
      (raw) => (typeof raw === 'string' ? { column: raw } : raw),
      z.strictObject({
        column: required(
          { meaning: 'The column with the reason.', example: 'archive_reason' },
          parseIdentifier,
        ),
        values: documented(
          list({ meaning: 'A reason.', example: 'low_score' }, parseLabelValue, MAX_STATUSES).optional(),
          {
            meaning: 'The reasons that become a label; others are counted as `other`.',
            example: '[low_score, timeout]',
            bounds: `1 to ${MAX_STATUSES} different values`,
            absent: 'taken from the enum or CHECK constraint',
          },
        ),
      }),
    )
    .optional(),
  reasonDoc,
);

/** One flow as it stands in the file. */
export const flowSchema = z
  .strictObject({
    table,
    key: documented(
      z.preprocess(
        (raw) => (typeof raw === 'string' ? [raw] : raw),
        list(keyDoc, parseIdentifier, MAX_KEY_COLUMNS),
      ),
      keyDoc,
    ),
    status: required(
      { meaning: 'The column with the status.', example: 'status', bounds: 'text, enum, integer or boolean' },
      parseIdentifier,
    ),
    created_at: column('Column with the moment an item came into the table.', 'created_at'),
    updated_at: column('Column that changes with every write of the row; polling needs it.', 'updated_at'),
    moved_at: column(
      "Column with the moment of the last move; without it the source's clock is used.",
      'moved_at',
    ),
    repeats: defaulted(
      {
        meaning: 'Whether writing the same status again with a new `moved_at` counts as a move to itself.',
        example: 'count',
        bounds: 'ignore or count; count needs moved_at',
        default: 'ignore',
      },
      oneOf(['ignore', 'count']),
    ),
    statuses: documented(
      list({ meaning: 'A status.', example: 'active' }, parseStatus, MAX_STATUSES).optional(),
      {
        meaning: 'All statuses in the order of the life cycle; others are counted as `other`.',
        example: '[monitoring, active, archived]',
        bounds: `1 to ${MAX_STATUSES} different values; not none, other, overflow`,
        absent: 'taken from the enum or CHECK constraint',
      },
    ),
    moves: documented(list({ meaning: 'A move.', example: 'new>active' }, parseMove, MAX_MOVES).optional(), {
      meaning:
        'The expected moves as `from>to`; every other one is counted as unexpected. Inserts and deletes are expected.',
      example: '[monitoring>active, active>archived]',
      bounds: `1 to ${MAX_MOVES} different moves between declared statuses`,
      absent: 'every move is expected',
    }),
    limits: documented(
      z
        .record(
          z.string(),
          documented(
            z.strictObject({ warning: limitField('warning', '3m'), critical: limitField('critical', '15m') }),
            { meaning: 'Limits of this status.', example: '{warning: 3m, critical: 15m}' },
          ),
        )
        .optional(),
      {
        meaning: 'How long an item may stay in a status, by status.',
        example: '{monitoring: {warning: 3m, critical: 15m}}',
        absent: 'nothing counts as stuck',
      },
    ),
    reason,
    capture: defaulted(
      {
        meaning:
          'How changes are seen: `journal` (trigger, exact), `poll` (changed-at column), `snapshot` (SELECT only).',
        example: 'journal',
        bounds: CAPTURE_CHOICES.join(', '),
        default: 'auto',
      },
      oneOf(CAPTURE_CHOICES),
    ),
    poll_interval: defaulted(
      { meaning: 'Pause between two polls.', example: '2s', bounds: '100ms to 5m', default: '1s' },
      duration('100ms', '5m'),
    ),
    audit_interval: defaulted(
      {
        meaning: 'Pause between two counts of the whole table.',
        example: '5m',
        bounds: '5s to 1d',
        default: '1m',
      },
      duration('5s', '1d'),
    ),
  })
  .superRefine((flow, context) => checkFlow(flow, refuseTo(context)), whenMap);
