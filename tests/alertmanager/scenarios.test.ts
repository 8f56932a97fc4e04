/** Owns the proof that each fault of the demo reaches the right chat and is called over there, and that calm is quiet. */
import { appendFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { type AlertingStack, type ArrivedMessage, startStack } from './stack.js';

/** Set by `npm run alert-quality`: every scenario is played, and what was seen is appended to this file. */
const REPORT = process.env.FLOWGAUGE_ALERT_QUALITY;

interface Expectation {
  readonly scenario: 'stall' | 'api-outage' | 'burst' | 'leak';
  /** How much faster than real all lengths of time are, the demo's market included. */
  readonly factor: number;
  readonly startsSeconds: number;
  readonly lastsSeconds: number;
  /** Alerts of which one must arrive, with the receiver whose chat it belongs to. */
  readonly first: readonly (readonly [alert: string, receiver: string])[];
  readonly withinSeconds: number;
  readonly overWithinSeconds: number;
}

/** How fast the rules go, but for the leak: its windows are hours, while the market stays as it is. */
const FACTOR = 20;

const PLAYED: readonly Expectation[] = [
  {
    scenario: 'stall',
    // Half as fast, and late: a market that has just opened lets nothing leave for a while, which must not be taken for the stall.
    factor: FACTOR / 2,
    startsSeconds: 75,
    lastsSeconds: 60,
    first: [['FlowStalled', 'warning']],
    withinSeconds: 80,
    overWithinSeconds: 120,
  },
  {
    scenario: 'api-outage',
    factor: FACTOR,
    startsSeconds: 30,
    lastsSeconds: 40,
    first: [
      ['ApiErrorsHigh', 'critical'],
      ['CircuitBreakerOpen', 'critical'],
    ],
    withinSeconds: 60,
    overWithinSeconds: 90,
  },
  {
    scenario: 'burst',
    factor: FACTOR,
    startsSeconds: 30,
    lastsSeconds: 40,
    first: [
      ['FlowBacklogGrowing', 'warning'],
      ['FlowBacklogGrowing', 'critical'],
    ],
    withinSeconds: 60,
    overWithinSeconds: 120,
  },
  {
    scenario: 'leak',
    // Its windows are hours: at 120 the three hours are 90 s.
    factor: 120,
    startsSeconds: 100,
    lastsSeconds: 110,
    first: [['MemoryLeakSuspected', 'warning']],
    withinSeconds: 110,
    overWithinSeconds: 120,
  },
];
/** In `npm test`: the commonest real incident, whole. */
const SHORT = PLAYED.slice(0, 1);

let stack: AlertingStack | undefined;
afterEach(async () => {
  await stack?.stop();
  stack = undefined;
});

function isFiring(message: ArrivedMessage, alert: string): boolean {
  return !message.text.startsWith('✅') && message.text.split('\n')[0]!.includes(` ${alert}`);
}

function isOver(message: ArrivedMessage, alert: string): boolean {
  return message.text.startsWith(`✅ RESOLVED ${alert}`);
}

/** Five times as fast as usual; faster, its worker falls behind on a small machine, which then is no longer a healthy flow. */
const MARKET_FACTOR = 5;
const MARKET = ['--seed', 'alert-quality', '--speed', `${300 * MARKET_FACTOR}x`];

const scrapeMs = (factor: number) => (factor > FACTOR ? 500 : 1_000);

describe('the demo', () => {
  for (const wanted of REPORT === undefined ? SHORT : PLAYED) {
    const { scenario, factor, startsSeconds, lastsSeconds, first } = wanted;
    it(`in ${scenario} writes ${first.map(([alert, chat]) => `${alert} to ${chat}`).join(' or ')}, and then that it is over`, async () => {
      stack = await startStack({
        factor,
        limitFactor: Math.min(factor, FACTOR),
        scrapeIntervalMs: scrapeMs(factor),
        demo: [
          ...MARKET,
          ...['--scenario', scenario],
          ...['--scenario-start', `${startsSeconds}s`, '--scenario-lasts', `${lastsSeconds}s`],
        ],
      });
      const startsMs = startsSeconds * 1_000;
      // What begins by itself before the fault would be detected in no time.
      await stack.waitFor(() => false, startsMs - 5_000);
      const early = await stack.query('ALERTS{alertname!="Watchdog"}');
      const pending = early.filter(({ labels }) => first.some(([alert]) => alert === labels.alertname));
      expect(pending, 'not calm before the fault').toEqual([]);
      const told = await stack.waitFor(
        (message) =>
          message.atMs > startsMs &&
          first.some(([alert, receiver]) => message.receiver === receiver && isFiring(message, alert)),
        5_000 + wanted.withinSeconds * 1_000,
      );
      expect(told, seen(stack)).toBeDefined();
      const [alert] = first.find(([name]) => isFiring(told!, name))!;
      const over = await stack.waitFor(
        (message) =>
          message.atMs > told!.atMs && message.receiver === told!.receiver && isOver(message, alert),
        (lastsSeconds + wanted.overWithinSeconds) * 1_000,
      );
      expect(over, seen(stack)).toBeDefined();
      expect(stack.refusals()).toEqual([]);
      const messages = stack
        .messages()
        .filter(({ receiver, atMs }) => receiver !== 'watchdog' && atMs > startsMs);
      report({
        scenario,
        factor,
        alert,
        receiver: told!.receiver,
        detectedSeconds: (told!.atMs - startsMs) / 1_000,
        overSeconds: (over!.atMs - startsMs - lastsSeconds * 1_000) / 1_000,
        messages: messages.length,
        alerts: [...new Set(messages.map(({ text }) => text.split('\n')[0]!.replace(/:.*$/, '')))],
        before: stack.messages().filter(({ receiver, atMs }) => receiver !== 'watchdog' && atMs <= startsMs)
          .length,
        bare: bareOf(stack, startsMs),
      });
    }, 420_000);
  }

  if (REPORT !== undefined) {
    it('in an hour without a fault sends nothing but the Watchdog', async () => {
      const factor = FACTOR;
      stack = await startStack({
        factor,
        scrapeIntervalMs: scrapeMs(factor),
        demo: MARKET,
        // In calm the limits go with the market that they judge.
        limitFactor: MARKET_FACTOR,
      });
      await stack.waitFor(() => false, 3_600_000 / factor);
      const others = stack.messages().filter(({ receiver }) => receiver !== 'watchdog');
      report({
        scenario: 'none, for an hour',
        factor,
        messages: others.length,
        alerts: others.map(({ text }) => text.split('\n')[0]!),
        bare: bareOf(stack, 0),
      });
      expect(others.map(({ text }) => text)).toEqual([]);
      expect(stack.messages().some(({ receiver }) => receiver === 'watchdog')).toBe(true);
      expect(stack.refusals()).toEqual([]);
    }, 420_000);
  }
});

function bareOf(from: AlertingStack, startsMs: number) {
  const { firstMs, messages } = from.bareDepth();
  return { detectedSeconds: firstMs === undefined ? null : (firstMs - startsMs) / 1_000, messages };
}

function seen(from: AlertingStack): string {
  const lines = from
    .messages()
    .map(({ atMs, receiver, text }) => `${Math.round(atMs / 1_000)} s ${receiver}: ${text}`);
  return `arrived so far:\n${lines.join('\n')}`;
}

function report(result: object): void {
  console.log(JSON.stringify(result));
  if (REPORT !== undefined) appendFileSync(REPORT, `${JSON.stringify(result)}\n`);
}
