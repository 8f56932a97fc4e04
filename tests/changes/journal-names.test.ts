/** How names become SQL. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dollarQuote, journalNames, quoteIdent, quoteLiteral } from '../../src/changes/journal-names.js';
import { freshDatabase } from '../harness/fresh-database.js';

describe('names and literals', () => {
  it('quotes every sign a name can hold and refuses what PostgreSQL cannot', () => {
    expect(quoteIdent('a"b')).toBe('"a""b"');
    expect(quoteLiteral("it's")).toBe("'it''s'");
    expect(quoteLiteral('a\\')).toBe(" E'a\\\\'");
    expect(() => quoteIdent('a\0')).toThrow(RangeError);
    expect(() => quoteLiteral('\0')).toThrow(RangeError);
    expect(() => journalNames({ name: 'x'.repeat(45) })).toThrow('use 1 to 44');
  });

  it('survive the server, whatever they hold', async () => {
    const db = await freshDatabase();
    const text = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
      .filter((s) => !/[\0\p{Cs}]/u.test(s));
    const odd = fc.stringMatching(/^["'$\\%; a]{1,12}(\$flowgauge1?\$?)?$/);
    await fc.assert(
      fc.asyncProperty(fc.oneof(text, odd), async (s) => {
        const [row] = await db.sql.unsafe(
          `select ${quoteLiteral(s)}::text as literal, ${dollarQuote(s)}::text as body, 1 as ${quoteIdent(s)}`,
        );
        expect(row!.literal).toBe(s);
        expect(row!.body).toBe(s);
        if (Buffer.byteLength(s) < 64) expect(Object.keys(row!)).toContain(s);
      }),
      { numRuns: 300, seed: 7 },
    );
    await db.drop();
  });
});
