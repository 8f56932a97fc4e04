/** Owns random transactions that run into each other on the same rows, and the record SQL itself keeps of them. */
import postgres from 'postgres';

/** A table whose own row triggers record each move, in the transaction that makes it. */
export const RECORDED_ITEMS = `
create table items (id int primary key, status text not null, updated timestamptz not null default clock_timestamp());
create table moves (from_status text, to_status text);
create function record_move() returns trigger language plpgsql as $$ begin
  if tg_op = 'INSERT' then insert into moves values (null, new.status);
  elsif tg_op = 'DELETE' then insert into moves values (old.status, null);
  elsif old.status <> new.status then insert into moves values (old.status, new.status);
  end if;
  return null; end $$;
create trigger record after insert or update or delete on items for each row execute function record_move();`;

/** How long a statement may be silent before the others go on: it waits for their locks. */
const BLOCKED_AFTER_MS = 8;

type Step = string | 'commit' | 'rollback';

interface Lane {
  readonly sql: postgres.Sql;
  readonly steps: Step[];
  busy: Promise<void> | undefined;
}

/** `lanes` connections; `run` lets one random transaction of each collide and calls `between` at random moments. */
export function collider(
  url: string,
  lanes: number,
  random: () => number,
  statements: (id: number) => string[],
) {
  const connections = Array.from({ length: lanes }, () => postgres(url, { max: 1, onnotice: () => {} }));
  return {
    async run(between: () => Promise<void>): Promise<void> {
      const all: Lane[] = connections.map((sql) => ({
        sql,
        steps: transaction(random, statements),
        busy: undefined,
      }));
      for (;;) {
        const open = all.filter((lane) => lane.steps.length > 0 || lane.busy !== undefined);
        if (open.length === 0) return;
        const free = open.filter((lane) => lane.busy === undefined);
        if (free.length === 0) await Promise.race(open.map((lane) => lane.busy));
        else await advance(free[Math.floor(random() * free.length)]!);
        if (random() < 0.25) await between();
      }
    },
    async close() {
      await Promise.all(connections.map((sql) => sql.end({ timeout: 1 })));
    },
  };
}

async function advance(lane: Lane): Promise<void> {
  const step = lane.steps.shift()!;
  const done = lane.sql.unsafe(step).then(
    () => undefined,
    // An aborted transaction ends with its rollback; the record has nothing of it either.
    () => undefined,
  );
  lane.busy = done.then(() => {
    lane.busy = undefined;
  });
  await Promise.race([lane.busy, new Promise((resolve) => setTimeout(resolve, BLOCKED_AFTER_MS))]);
}

/** Items in ascending order, so that no two transactions wait for each other for ever. */
function transaction(random: () => number, statements: (id: number) => string[]): Step[] {
  const steps: Step[] = ['begin'];
  // The id of a transaction is often older than its first write to the table.
  if (random() < 0.5) steps.push('select pg_current_xact_id()');
  for (const id of [1, 2, 3]) {
    for (let n = 0; n < 2; n += 1) {
      if (random() < 0.5) steps.push(pick(statements(id), random));
    }
  }
  return [...steps, random() < 0.15 ? 'rollback' : 'commit'];
}

function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)]!;
}

/** Numbers that are the same in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
