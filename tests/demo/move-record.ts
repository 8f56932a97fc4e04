/** Owns an independent record of what happens to a table: every row change, seen by a plain row trigger. */
import type postgres from 'postgres';
import type { TrueMoves } from './replay-truth.js';

/** Records the moves of a replayed table; a new time with the same status is a move from the status to itself. */
export async function recordReplay(sql: postgres.Sql, table: string): Promise<void> {
  await sql.unsafe(`
    CREATE TABLE move_record (from_status text, to_status text, dwell interval);
    CREATE FUNCTION record_move() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        INSERT INTO move_record VALUES ('none', NEW.status, '0');
      ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO move_record VALUES (OLD.status, 'none', '0');
      ELSIF NEW.status <> OLD.status OR NEW.moved_at <> OLD.moved_at THEN
        INSERT INTO move_record VALUES (OLD.status, NEW.status, NEW.moved_at - OLD.moved_at);
      END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER record_move AFTER INSERT OR UPDATE OR DELETE ON ${table}
    FOR EACH ROW EXECUTE FUNCTION record_move()`);
}

/** What was recorded, in the shape and order of the truth. */
export async function recordedMoves(sql: postgres.Sql): Promise<TrueMoves[]> {
  return sql<TrueMoves[]>`
    SELECT from_status, to_status, count(*)::int AS moves,
           sum(extract(epoch FROM dwell))::numeric(30, 6)::text AS seconds
    FROM move_record GROUP BY 1, 2 ORDER BY 1, 2`;
}

/** Records the moves of the tokens table as `from>to`, with the liquidity that the row then had. */
export async function recordTokens(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`
    CREATE TABLE token_record (
      no bigserial, id bigint, move text, liquidity numeric, reason text, in_status interval
    );
    CREATE FUNCTION record_token() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        INSERT INTO token_record (id, move) VALUES (NEW.id, 'none>' || NEW.status);
      ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO token_record (id, move) VALUES (OLD.id, OLD.status || '>none');
      ELSIF NEW.status <> OLD.status THEN
        INSERT INTO token_record (id, move, liquidity, reason, in_status)
        VALUES (NEW.id, OLD.status || '>' || NEW.status, NEW.liquidity_usd, NEW.archive_reason, now() - NEW.created_at);
      END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER record_token AFTER INSERT OR UPDATE OR DELETE ON public.tokens
    FOR EACH ROW EXECUTE FUNCTION record_token()`);
}
