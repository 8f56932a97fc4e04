/** Checks that the ring keeps the last thousand rows and no more, and that a row says only what is known. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  HISTORY_BYTES,
  HISTORY_COLUMNS,
  HISTORY_ROWS,
  type HistoryColumn,
  type HistoryValues,
  ResourceHistory,
} from '../../src/resources/history.js';
import { historyValues } from '../../src/resources/history-values.js';
import type { NetworkTotals, Outcome, ResourceSample } from '../../src/resources/sample.js';

const NOTHING = valuesOf(() => undefined);

function valuesOf(of: (column: HistoryColumn) => number | undefined): HistoryValues {
  return Object.fromEntries(HISTORY_COLUMNS.map((column) => [column, of(column)])) as HistoryValues;
}

describe('the ring', () => {
  it('is a list of which only the last thousand rows are kept, however many come and however far one looks', () => {
    const value = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }), { nil: undefined });
    const row = fc.record({ stepMs: fc.nat(5), values: fc.array(value, { minLength: 3, maxLength: 3 }) });
    const lengths = fc.oneof(fc.nat(20), fc.integer({ min: HISTORY_ROWS - 3, max: 2 * HISTORY_ROWS + 3 }));
    const told = lengths.chain((length) => fc.array(row, { minLength: length, maxLength: length }));
    fc.assert(
      fc.property(told, fc.nat(12_000), (rows, backMs) => {
        const ring = new ResourceHistory();
        const list: { atMs: number; wallMs: number; values: HistoryValues }[] = [];
        let atMs = 0;
        for (const { stepMs, values } of rows) {
          atMs += stepMs;
          const made = valuesOf((column) => values[HISTORY_COLUMNS.indexOf(column) % values.length]);
          // The wall clock may be set; the rows stay in the order in which they were taken.
          const wallMs = 1_700_000_000_000 - atMs;
          ring.record(atMs, wallMs, made);
          list.push({ atMs, wallMs, values: made });
        }
        const kept = list.slice(-HISTORY_ROWS).filter((one) => one.atMs >= atMs - backMs);
        expect(ring.since(atMs - backMs)).toEqual(kept.map(({ wallMs, values }) => ({ wallMs, values })));
      }),
      // A thousand rows are not made smaller in any bearable time.
      { numRuns: 60, endOnFailure: true },
    );
  });

  it('takes the same memory empty and full', () => {
    expect(HISTORY_BYTES).toBe(1_000 * 19 * 8);
  });

  it('keeps what cannot be a measurement as not known', () => {
    const ring = new ResourceHistory();
    ring.record(
      1,
      2,
      valuesOf((column) => (column === 'open_fds' ? Number.POSITIVE_INFINITY : Number.NaN)),
    );
    expect(ring.since(0)).toEqual([{ wallMs: 2, values: NOTHING }]);
  });
});

function read<T>(atMs: number, value: T): Outcome<T> {
  return { kind: 'measured', value, atMs, durationMs: 1 };
}

function device(receiveBytes: number, transmitBytes: number): NetworkTotals {
  return { receiveBytes, transmitBytes, receiveErrors: 0, transmitErrors: 0 };
}

function valuesAt(atMs: number, sample: ResourceSample, before?: ResourceSample): HistoryValues {
  return historyValues({ atMs, sample, healthScore: undefined, work: [] }, before, 70_000);
}

describe('a row', () => {
  it('says everything that was measured', () => {
    const disk = (bytes: number) => ({ usedBytes: bytes, totalBytes: 100 });
    const sample: ResourceSample = {
      cpu: read(30_000, { cores: 2, utilizationRatio: 0.5 }),
      load: read(30_000, { '1m': 1.5, '5m': 1, '15m': 1 }),
      memory: read(30_000, { usedBytes: 3, totalBytes: 8 }),
      swap: read(30_000, { usedBytes: 0, totalBytes: 4 }),
      heap: read(30_000, { usedBytes: 5, limitBytes: 9 }),
      process: read(30_000, { residentBytes: 7, children: 0, openFds: 20, maxFds: 30 }),
      filesystem: read(30_000, {
        mounts: new Map([
          ['/', disk(40)],
          ['/data', disk(90)],
          ['/empty', { usedBytes: 0, totalBytes: 0 }],
        ]),
        failed: new Map([['/gone', new Error('EIO')]]),
      }),
      network: read(30_000, new Map([['eth0', device(3_000, 400)]])),
      disk: read(30_000, { read: 600, write: 9_000 }),
    };
    const before: ResourceSample = {
      network: read(20_000, new Map([['eth0', device(1_000, 100)]])),
      disk: read(20_000, { read: 600, write: 1_000 }),
    };
    const work = [
      { items: 10, overLimit: 4 },
      { items: 5, overLimit: 0 },
    ];
    expect(historyValues({ atMs: 30_000, sample, healthScore: 66.6, work }, before, 70_000)).toEqual({
      cpu_utilization_ratio: 0.5,
      load_average_1m: 1.5,
      memory_used_bytes: 3,
      memory_total_bytes: 8,
      swap_used_bytes: 0,
      filesystem_used_ratio: 0.9,
      network_receive_bytes_per_second: 200,
      network_transmit_bytes_per_second: 30,
      disk_read_bytes_per_second: 0,
      disk_write_bytes_per_second: 800,
      resident_memory_bytes: 7,
      heap_used_bytes: 5,
      open_fds: 20,
      children: 0,
      health_score: 66.6,
      waiting_items: 15,
      over_limit_items: 4,
    });
  });

  it('knows nothing of what was not read, failed, or is old because its source hangs', () => {
    expect(valuesAt(30_000, {})).toEqual(NOTHING);
    const failed = { kind: 'failed', error: new Error('EIO'), atMs: 30_000, durationMs: 1 } as const;
    expect(valuesAt(30_000, { cpu: failed, memory: failed, process: failed })).toEqual(NOTHING);
    const memory = read(30_000, { usedBytes: 3, totalBytes: 8 });
    expect(valuesAt(100_000, { memory }).memory_used_bytes).toBe(3);
    expect(valuesAt(100_001, { memory })).toEqual(NOTHING);
    const own = { residentBytes: 7, children: undefined, openFds: undefined, maxFds: undefined };
    expect(valuesAt(0, { process: read(0, own) })).toEqual({ ...NOTHING, resident_memory_bytes: 7 });
    expect(valuesAt(0, { cpu: read(0, { cores: 2, utilizationRatio: undefined }) })).toEqual(NOTHING);
  });
});

describe('rates', () => {
  const rates = (now: ResourceSample, before?: ResourceSample) => {
    const values = valuesAt(2_000, now, before);
    return [
      values.network_receive_bytes_per_second,
      values.network_transmit_bytes_per_second,
      values.disk_read_bytes_per_second,
      values.disk_write_bytes_per_second,
    ];
  };
  const at = (atMs: number, devices: Record<string, NetworkTotals>, readBytes: number): ResourceSample => ({
    network: read(atMs, new Map(Object.entries(devices))),
    disk: read(atMs, { read: readBytes, write: 10 * readBytes }),
  });
  const NONE = [undefined, undefined, undefined, undefined];

  it('are the mean since the sample before, of all devices', () => {
    const before = at(0, { a: device(100, 0), b: device(50, 7) }, 100);
    expect(rates(at(2_000, { a: device(300, 0), b: device(60, 8) }, 120), before)).toEqual([105, 1, 10, 100]);
  });

  it('need a sample before, and time between the two', () => {
    const now = at(2_000, { a: device(300, 0) }, 120);
    expect(rates(now)).toEqual(NONE);
    expect(rates(now, now)).toEqual(NONE);
    expect(rates(now, at(2_001, { a: device(100, 0) }, 100))).toEqual(NONE);
    const failed = { kind: 'failed', error: new Error('EIO'), atMs: 0, durationMs: 1 } as const;
    expect(rates(now, { network: failed, disk: failed })).toEqual(NONE);
  });

  it('are not known where a total went back, and only there', () => {
    const before = at(0, { a: device(100, 10), b: device(50, 5) }, 100);
    expect(rates(at(2_000, { a: device(3, 30), b: device(60, 5) }, 120), before)).toEqual([
      undefined,
      10,
      10,
      100,
    ]);
    expect(rates(at(2_000, { a: device(300, 30), b: device(60, 5) }, 40), before)).toEqual([
      105,
      10,
      undefined,
      undefined,
    ]);
  });

  it('leave out a device that came or went', () => {
    const before = at(0, { a: device(100, 10), gone: device(9e9, 9e9) }, 100);
    expect(rates(at(2_000, { a: device(300, 10), new: device(5e9, 5e9) }, 100), before)).toEqual([
      100, 0, 0, 0,
    ]);
    expect(rates(at(2_000, { new: device(5e9, 5e9) }, 100), before).slice(0, 2)).toEqual([
      undefined,
      undefined,
    ]);
  });
});
