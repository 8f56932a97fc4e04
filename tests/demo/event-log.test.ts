/** Owns the proof that an event log is read whole, in order, or refused with the line and the remedy. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { csvRecords, type EventLogError, parseTimeUs, readEventLog } from '../../src/demo/event-log.js';

let directory: string;
const columns = { item: 'id', status: 'state', time: 'at' };
let files = 0;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'flowgauge-log-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(content: string | Buffer): string {
  const path = join(directory, `${++files}.csv`);
  writeFileSync(path, content);
  return path;
}

async function problemsOf(content: string | Buffer): Promise<readonly string[]> {
  const error = await readEventLog(file(content), columns).then(
    () => undefined,
    (reason: EventLogError) => reason,
  );
  expect(error?.code).toBe('EVENT_LOG_INVALID');
  return error!.problems;
}

async function* pieces(text: string, size: number): AsyncGenerator<string> {
  const letters = [...text];
  for (let at = 0; at < letters.length; at += size) yield letters.slice(at, at + size).join('');
}

async function fieldsOf(text: string, size = 1_000): Promise<(readonly string[])[]> {
  const records = [];
  for await (const record of csvRecords(pieces(text, size))) records.push(record.fields);
  return records;
}

describe('reading CSV', () => {
  test('any fields come back, in any split of the text, with LF or CRLF', async () => {
    const field = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', 'a', '😀') }),
    );
    const rows = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(
        rows,
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom('\n', '\r\n'),
        async (wanted, size, eol) => {
          const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
          const plain = (text: string) => (/[",\r\n\uFEFF]/.test(text) ? quoted(text) : text);
          for (const write of [quoted, plain]) {
            const text = wanted.map((row) => row.map(write).join(',') + eol).join('');
            expect(await fieldsOf(text, size)).toEqual(wanted);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('a byte order mark, blank lines and a missing last line end are fine', async () => {
    expect(await fieldsOf('\uFEFFa,b\r\n\r\n1,\n\n,"x"')).toEqual([
      ['a', 'b'],
      ['1', ''],
      ['', 'x'],
    ]);
  });
});

describe('times', () => {
  test.each([
    ['2012-04-03 16:55:38', '2012-04-03T16:55:38.000Z', 0],
    ['2012-04-03T16:55:38Z', '2012-04-03T16:55:38.000Z', 0],
    ['2012-04-03T16:55:38.1234567+02:00', '2012-04-03T14:55:38.123Z', 457],
    ['2012-02-29 23:59:59.999999-0530', '2012-03-01T05:29:59.999Z', 999],
    ['1969-12-31 23:59:59.5', '1969-12-31T23:59:59.500Z', 0],
    ['2012-04-03 16:55:38+02', '2012-04-03T14:55:38.000Z', 0],
  ])('%s', (text, iso, micros) => {
    expect(parseTimeUs(text)).toBe(Date.parse(iso) * 1000 + micros);
  });

  test.each([
    '2011-02-29 00:00:00',
    '2011-04-31 00:00:00',
    '2012-13-01 00:00:00',
    '2012-01-01 24:00:00',
    '2012-01-01',
    '03/04/2012 10:00:00',
    '2012-01-01 10:00',
    '2012-01-01 10:00:61',
    '1333472138',
    '',
  ])('%s is no time', (text) => expect(parseTimeUs(text)).toBeUndefined());
});

describe('event log', () => {
  test('puts events in the order of time and keeps the order of the file within one time', async () => {
    const log = await readEventLog(
      file(
        'at,x,id,state\n2020-01-02 00:00:00,,b,2\n2020-01-01 00:00:00,,b,9\n2020-01-01 00:00:00,,a,1\n2020-01-01 00:00:00,,b,1\n',
      ),
      columns,
    );
    expect(log.events.map((event) => `${event.item}${event.status}`)).toEqual(['b9', 'a1', 'b1', 'b2']);
    expect(log.statuses).toEqual(['1', '2', '9']);
  });

  test('the digest belongs to bytes and columns', async () => {
    const text = 'id,state,at,then\na,1,2020-01-01 00:00:00,2020-01-01 00:00:00\n';
    const digest = async (content: string, time = 'at') =>
      (await readEventLog(file(content), { ...columns, time })).digest;
    expect(await digest(text)).toBe(await digest(text));
    expect(await digest(text)).not.toBe(await digest(`${text}\n`));
    expect(await digest(text)).not.toBe(await digest(text, 'then'));
  });

  test('tells every bad row with its line, counted through quoted line ends', async () => {
    expect(
      await problemsOf(
        'id,state,at\n"a\nb",1,2020-01-01 00:00:00\n,1,2020-01-01 00:00:00\nc,,2020-01-01 00:00:00\nd,1\ne,1,yesterday\nf\0,1,2020-01-01 00:00:00\n',
      ),
    ).toEqual([
      'line 4: id is empty; every event needs its item',
      'line 5: state is empty; every event needs its status',
      'line 6: 2 fields where the first row has 3; add or quote what is missing',
      'line 7: at is "yesterday"; write YYYY-MM-DD HH:MM:SS (UTC) or ISO 8601',
      'line 8: a NUL character, which PostgreSQL cannot store; remove it',
    ]);
  });

  test('stops telling after 20', async () => {
    expect(await problemsOf(`id,state,at\n${'a,1,never\n'.repeat(50)}`)).toHaveLength(20);
  });

  test.each([
    ['', 'the file holds no event; check that it is not empty'],
    ['id,state,at\n', 'the file holds no event; check that it is not empty'],
    ['id,status,at\n', 'line 1: there is no column "state"; the file has id, status, at'],
    ['id,state,at,at\n', 'line 1: column "at" occurs twice; rename one'],
    ['id,state,at\n"a,1,2020-01-01 00:00:00\n', 'line 2: a quoted field of this row is never closed'],
    [
      'id,state,at\na"b,1,2020-01-01 00:00:00\n',
      'line 2: a quote inside a plain field; put the whole field in quotes',
    ],
    [
      'id,state,at\n"a"b,1,2020-01-01 00:00:00\n',
      'line 2: text after a closing quote; double the quotes inside a quoted field',
    ],
  ])('%j is refused', async (content, problem) => {
    expect(await problemsOf(content)).toEqual([problem]);
  });

  test('text that is not UTF-8 is refused, not repaired', async () => {
    expect(await problemsOf(Buffer.from('id,state,at\n\xe9,1,2020-01-01 00:00:00\n', 'latin1'))).toEqual([
      'after byte 0: the text is not UTF-8; convert the file, for example with iconv',
    ]);
  });

  test('a missing file is the file system’s own error', async () => {
    await expect(readEventLog(join(directory, 'none.csv'), columns)).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});
