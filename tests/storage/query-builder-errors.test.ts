/** Proves that an error is the same whether the driver's tag or the query builder asked: by its code, and without the statement's values. */
import { sql as fragment } from 'drizzle-orm/sql';
import { expect, test } from 'vitest';
import { failure, useDatabase } from './fixture.js';

const base = useDatabase();

test('a connection that is lost in a query of the builder is known as lost, and the database as down', async () => {
  const db = base.open();
  const error = await failure(
    db.run('by builder', 5000, (_sql, orm) =>
      orm.execute(fragment`select pg_terminate_backend(pg_backend_pid()), ${'a-secret-value'}::text`),
    ),
  );
  expect(error.code).toBe('DATABASE_UNAVAILABLE');
  expect(db.up).toBe(false);
  expect(String(error.stack)).not.toContain('a-secret-value');
});

test('a refusal of the server to a query of the builder has its code and no value in its words', async () => {
  const error = await failure(
    base
      .open()
      .run('by builder', 5000, (_sql, orm) =>
        orm.execute(fragment`select ${'a-secret-value'}::text from nowhere`),
      ),
  );
  expect(error.code).toBe('42P01');
  expect(error.message).toBe('relation "nowhere" does not exist');
});

test('a server that has become read-only refuses a write of the builder by name', async () => {
  const error = await failure(
    base
      .open()
      .transaction('by builder', 5000, { access: 'read only' }, (_sql, orm) =>
        orm.execute(fragment`insert into notes values (1, ${'x'})`),
      ),
  );
  expect(error.code).toBe('DATABASE_READ_ONLY');
});
