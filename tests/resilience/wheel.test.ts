/** Owns the tests of the shared timer wheel in real time: every timer falls once, none is left, the process may end. */
import { expect, test } from 'vitest';
import { Timer } from '../../src/resilience/policy-clock.js';
import { countedMs, TimerWheel } from '../../src/resilience/wheel.js';

class Bell extends Timer {
  rung = 0;

  constructor(
    readonly onRing: () => void = () => {},
    readonly held: 'hold' | 'release' = 'release',
  ) {
    super();
  }

  override get keeps(): 'hold' | 'release' {
    return this.held;
  }

  expire(): void {
    this.rung++;
    this.onRing();
  }
}

// The wheel's interval is unref'd; vitest's own handles keep the loop going while a test waits.
const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
};

test('each of 10,000 timers falls once, in the order of their ticks, and the interval ends by itself', async () => {
  const wheel = new TimerWheel();
  const order: number[] = [];
  const bells = Array.from({ length: 10_000 }, (_, i) => ({ delayMs: (i * 7919) % 700, bell: new Bell() }));
  for (const { bell, delayMs } of bells) {
    Object.assign(bell, { onRing: () => order.push(delayMs) });
    wheel.arm(bell, delayMs);
  }
  expect(wheel.size).toBe(10_000);
  await until(() => wheel.size === 0);
  expect(bells.every(({ bell }) => bell.rung === 1)).toBe(true);
  let latest = 0;
  for (const delayMs of order) {
    expect(delayMs).toBeGreaterThan(latest - 10);
    latest = Math.max(latest, delayMs);
  }
  await until(() => !wheel.running);
});

test('a timer that was taken out never falls, also when another takes it out at the same tick', async () => {
  const wheel = new TimerWheel();
  const taken = new Bell();
  const victim = new Bell();
  wheel.arm(taken, 20);
  wheel.disarm(taken);
  wheel.disarm(taken);
  wheel.arm(new Bell(() => wheel.disarm(victim)), 20);
  wheel.arm(victim, 20);
  const last = new Bell();
  wheel.arm(last, 60);
  await until(() => last.rung === 1);
  expect([taken.rung, victim.rung, wheel.size]).toEqual([0, 0, 0]);
});

test('of 5,000 timers that share slots exactly those fall that nobody took out, whatever the order', async () => {
  const wheel = new TimerWheel(1);
  const bells = Array.from({ length: 5_000 }, () => new Bell());
  for (const [i, bell] of bells.entries()) wheel.arm(bell, 20 + ((i * 7919) % 40));
  const taken = new Set(bells.filter((_, i) => (i * 2654435761) % 7 < 3));
  for (const bell of taken) wheel.disarm(bell);
  expect(wheel.size).toBe(5_000 - taken.size);
  const last = new Bell();
  wheel.arm(last, 100);
  await until(() => last.rung === 1);
  expect(wheel.size).toBe(0);
  for (const bell of bells) expect(bell.rung).toBe(taken.has(bell) ? 0 : 1);
});

test('a timer can be armed again, also while it falls, and only its last arming counts', async () => {
  const wheel = new TimerWheel();
  const bell: Bell = new Bell(() => bell.rung < 3 && wheel.arm(bell, 10));
  wheel.arm(bell, 5_000_000);
  wheel.arm(bell, 10);
  expect(wheel.size).toBe(1);
  await until(() => bell.rung === 3);
  expect(wheel.size).toBe(0);
});

test('a delay of more than a turn of the wheel waits for its own turn', async () => {
  const wheel = new TimerWheel(1);
  const bell = new Bell();
  // Both lie in the same slot of 512.
  wheel.arm(bell, 512 + 40);
  const first = new Bell();
  wheel.arm(first, 40);
  await until(() => first.rung === 1);
  expect(bell.rung).toBe(0);
  await until(() => bell.rung === 1);
});

test('a timer that throws as it falls is counted and costs no other timer of its tick', async () => {
  const wheel = new TimerWheel();
  const bad = new Bell(() => {
    throw new Error('broken');
  });
  const [before, after] = [new Bell(), new Bell()];
  for (const bell of [before, bad, after]) wheel.arm(bell, 20);
  await until(() => after.rung === 1);
  expect([before.rung, bad.rung, wheel.size, wheel.failedExpiries]).toEqual([1, 1, 0, 1]);
});

test('a delay that is no number or negative falls at the next tick, an endless one not before the longest', async () => {
  const wheel = new TimerWheel();
  const soon = [Number.NaN, undefined as never, 'soon' as never, -1, -5_000, Number.NEGATIVE_INFINITY].map(
    (delayMs) => {
      const bell = new Bell();
      wheel.arm(bell, delayMs);
      return bell;
    },
  );
  const never = new Bell();
  wheel.arm(never, Number.POSITIVE_INFINITY);
  expect(wheel.size).toBe(7);
  await until(() => soon.every(({ rung }) => rung === 1));
  expect(never.rung).toBe(0);
  expect(never.dueMs).toBeGreaterThanOrEqual(2_147_483_647);
  wheel.disarm(never);
  expect(wheel.size).toBe(0);
});

test('keeps the process alive only for a timer that asks for it', () => {
  const alive = () => process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length;
  const before = alive();
  const wheel = new TimerWheel();
  const deadline = new Bell();
  const wait = new Bell(() => {}, 'hold');
  wheel.arm(deadline, 1_000);
  expect(alive()).toBe(before);
  wheel.arm(wait, 1_000);
  expect(alive()).toBe(before + 1);
  wheel.disarm(wait);
  expect(alive()).toBe(before);
  wheel.disarm(deadline);
});

test.each([
  ['a timely tick', 10, 10, 10],
  ['a tick that is a little late', 18, 10, 18],
  ['a late tick after a timely one', 120, 10, 20],
  ['a loop that is busy on every turn', 120, 130, 120],
  ['a block', 2_000, 10, 50],
  ['a block after a block', 2_000, 2_000, 50],
  ['a timely tick after a block', 10, 2_000, 10],
])('counts %s', (_, strideMs, previousMs, expected) => {
  expect(countedMs(strideMs, previousMs, 10)).toBe(expected);
});
