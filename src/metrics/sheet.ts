/** Owns the cached text of one metric in one format: its pages and the series that wait for their text. */
import { Page } from './page.js';

/** All pages of one metric in one format, in the order in which the series were created. */
export class Sheet<S extends { readonly slot: number }> {
  private pages: Page[] = [];
  /** Series that exist but have no text yet: recording must not pay for the layout. */
  private readonly waiting: Set<S>;
  private readers = 0;
  private sealed: Page | undefined;

  constructor(
    private readonly linesPerSeries: number,
    private readonly prefixesOf: (series: S) => readonly string[],
    existing: Iterable<S>,
  ) {
    this.waiting = new Set(existing);
  }

  add(series: S): void {
    this.waiting.add(series);
  }

  remove(series: S): void {
    if (this.waiting.delete(series)) return;
    for (const page of this.pages) if (page.remove(series.slot)) return;
  }

  clear(): void {
    // A reader may still hold the pages, and their slots will soon belong to other series.
    for (const page of this.pages) page.clear();
    this.pages = [];
    this.waiting.clear();
  }

  /** Gives up to `limit` new series their text. Returns false when none is left. */
  layOut(limit: number): boolean {
    let left = limit;
    for (const series of this.waiting) {
      if (left === 0) return true;
      left -= 1;
      this.waiting.delete(series);
      this.pageForNext().append(series.slot, this.prefixesOf(series));
    }
    return false;
  }

  /** The pages to print. Series that come later go to later pages; each call is closed by `endRead`. */
  beginRead(): readonly Page[] {
    if (this.readers === 0) this.pages = this.pages.filter((page) => page.seriesCount > 0);
    this.readers += 1;
    this.sealed = this.pages.at(-1);
    return this.pages.slice();
  }

  endRead(): void {
    this.readers -= 1;
  }

  /** While somebody prints, a series removed and created again must not appear on a page still to come. */
  private pageForNext(): Page {
    const last = this.pages.at(-1);
    if (last !== undefined && !last.full && !(this.readers > 0 && last === this.sealed)) return last;
    const page = new Page(this.linesPerSeries);
    this.pages.push(page);
    return page;
  }
}
