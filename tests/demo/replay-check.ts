/** Owns the comparison of a replayed table with the file that was replayed. */
import type postgres from 'postgres';
import { expect } from 'vitest';
import type { LogColumns } from '../../src/demo/event-log.js';
import { REPLAY_TABLE, type TieRule } from '../../src/demo/replay.js';
import { recordedMoves } from './move-record.js';
import { FINAL_STATE_SQL, loadTruth, type TrueMoves, truthSql } from './replay-truth.js';

/** What the loaded file says. */
export async function trueMoves(
  sql: postgres.Sql,
  repeats: 'ignore' | 'count',
  ties: TieRule,
): Promise<TrueMoves[]> {
  return [...(await sql.unsafe<TrueMoves[]>(truthSql(repeats, ties)))];
}

/** All moves together. */
export const moveCount = (moves: readonly TrueMoves[]) => moves.reduce((sum, pair) => sum + pair.moves, 0);
const wholeSeconds = (moves: readonly TrueMoves[]) =>
  moves.map((pair) => ({ ...pair, seconds: Math.round(Number(pair.seconds)) }));

/** Compares moves, dwell times and final rows with the file itself. */
export async function expectRecordEqualsFile(
  sql: postgres.Sql,
  file: string,
  columns: LogColumns,
): Promise<void> {
  await loadTruth(sql, file, columns);
  const recorded = [...(await recordedMoves(sql))];
  expect(recorded).toEqual(await trueMoves(sql, 'count', 'spread'));
  const written = await trueMoves(sql, 'count', 'as-written');
  expect(wholeSeconds(recorded)).toEqual(wholeSeconds(written));
  const [raw] = await sql`SELECT count(*)::int AS events FROM replay_truth`;
  expect(moveCount(recorded)).toBe(raw!.events);
  expect([
    ...(await sql`
      SELECT item, status, created_at::text, date_trunc('second', moved_at)::text AS moved_at
      FROM ${sql(REPLAY_TABLE)} ORDER BY item`),
  ]).toEqual([...(await sql.unsafe(FINAL_STATE_SQL))]);
}
