/** Owns the proof that pages in the hands of a reader never show a series twice or another series' number. */
import { describe, expect, it } from 'vitest';
import type { Page } from '../../src/metrics/page.js';
import { Sheet } from '../../src/metrics/sheet.js';

describe('a sheet that is being read', () => {
  it('puts a series that leaves and comes back on a page that the reader does not have', () => {
    const { sheet, series } = sheetOf(3);
    const pages = sheet.beginRead();
    sheet.remove(series[0]!);
    sheet.add({ slot: 7 });
    while (sheet.layOut(10));
    expect(linesOf(pages)).toEqual(['m{slot="1"} 101', 'm{slot="2"} 102']);
    expect(linesOf(sheet.beginRead())).toEqual(['m{slot="1"} 101', 'm{slot="2"} 102', 'm{slot="7"} 107']);
    sheet.endRead();
    sheet.endRead();
    sheet.add({ slot: 8 });
    while (sheet.layOut(10));
    expect(sheet.beginRead()).toHaveLength(2);
  });

  it('shows nothing any more once it is cleared', () => {
    const { sheet } = sheetOf(300);
    const pages = sheet.beginRead();
    sheet.clear();
    expect(linesOf(pages)).toEqual([]);
  });

  it('drops pages that are empty, but not under a reader', () => {
    const { sheet, series } = sheetOf(600);
    const pages = sheet.beginRead();
    for (const one of series.slice(0, 256)) sheet.remove(one);
    expect([pages.length, sheet.beginRead().length]).toEqual([3, 3]);
    sheet.endRead();
    sheet.endRead();
    expect(sheet.beginRead()).toHaveLength(2);
  });

  it('gives text in steps, so that many new series do not hold the loop', () => {
    const sheet = new Sheet(
      1,
      prefixes,
      Array.from({ length: 25 }, (_, slot) => ({ slot })),
    );
    expect([sheet.layOut(10), sheet.layOut(10), sheet.layOut(10)]).toEqual([true, true, false]);
    expect(linesOf(sheet.beginRead())).toHaveLength(25);
  });
});

function prefixes({ slot }: { slot: number }): string[] {
  return [`m{slot="${slot}"} `];
}

function sheetOf(count: number) {
  const series = Array.from({ length: count }, (_, slot) => ({ slot }));
  const sheet = new Sheet(1, prefixes, series);
  while (sheet.layOut(10));
  return { sheet, series };
}

/** The reader's lines; the number of slot n is 100 + n. */
function linesOf(pages: readonly Page[]): string[] {
  return pages.flatMap((page) => {
    page.refresh((slots, count, values) => {
      for (let i = 0; i < count; i += 1) values[i] = 100 + slots[i]!;
    });
    return page.text.toString('utf8', 0, page.used).split('\n').filter(Boolean);
  });
}
