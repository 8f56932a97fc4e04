/** Owns the proof that each fault of the demo reaches the right chat and is called over there, and that calm is quiet. */
import { appendFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { type AlertingStack, type ArrivedMessage, startStack } from './stack.js';

/** Set by `npm run alert-quality`: every scenario is played, and what was seen is appended to this file. */
const REPORT = process.env.FLOWGAUGE_ALERT_QUALITY;

/** How much faster than real the rules and the routes are. */
const FACTOR = 20;
/**
 * The market, and the limits that it is judged by, go six times as fast as usual: its stays of 24 s and the limit of 30 s
 * then lie on the same side of a bound of the histogram as 144 s and 3 min do. Faster, its worker falls behind on a
 * small machine, which then is no healthy flow.
 */
const MARKET_FACTOR = 6;
/** In calm slower, by the same bounds (48 s and 60 s): what a busy machine holds up must be no breach of a limit. */
const CALM_MARKET_FACTOR = 3;
/** A market that has just opened lets nothing leave for so long. */
const CALM_OPENING_SECONDS = 60;
const market = (factor: number) => ['--seed', 'alert-quality', '--speed', `${300 * factor}x`];
const SCRAPE_INTERVAL_MS = 1_000;

interface Expectation {
  readonly scenario: 'stall' | 'api-outage' | 'burst' | 'leak';
  /** How much faster the rules about resources are. */
  readonly resourceFactor?: number;
  readonly startsSeconds: number;
  readonly lastsSeconds: number;
  /** Alerts of which one must arrive, with the receiver whose chat it belongs to. */
  readonly first: readonly (readonly [alert: string, receiver: string])[];
  readonly withinSeconds: number;
  readonly overWithinSeconds: number;
}

const PLAYED: readonly Expectation[] = [
  {
    scenario: 'stall',
    startsSeconds: 40,
    lastsSeconds: 40,
    first: [['FlowStalled', 'warning']],
    withinSeconds: 60,
    overWithinSeconds: 90,
  },
  {
    scenario: 'api-outage',
    startsSeconds: 40,
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
    startsSeconds: 40,
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
    // Growth is judged over three hours: 90 s at 120.
    resourceFactor: 120,
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

describe('the demo', () => {
  for (const wanted of REPORT === undefined ? SHORT : PLAYED) {
    const { scenario, resourceFactor, startsSeconds, lastsSeconds, first } = wanted;
    it(`in ${scenario} writes ${first.map(([alert, chat]) => `${alert} to ${chat}`).join(' or ')}, and then that it is over`, async () => {
      stack = await startStack({
        factor: FACTOR,
        resourceFactor,
        limitFactor: MARKET_FACTOR,
        scrapeIntervalMs: SCRAPE_INTERVAL_MS,
        demo: [
          ...market(MARKET_FACTOR),
          ...['--scenario', scenario],
          ...['--scenario-start', `${startsSeconds}s`, '--scenario-lasts', `${lastsSeconds}s`],
        ],
      });
      const startsMs = startsSeconds * 1_000;
      const endsMs = startsMs + lastsSeconds * 1_000;
      // What begins by itself before the fault would be detected in no time.
      await stack.waitFor(() => false, startsMs - 5_000);
      const early = (await stack.query('ALERTS{alertname!="Watchdog"}')).map(
        ({ labels }) => labels.alertname,
      );
      const told = await stack.waitFor(
        (message) =>
          message.atMs > startsMs &&
          first.some(([alert, receiver]) => message.receiver === receiver && isFiring(message, alert)),
        5_000 + wanted.withinSeconds * 1_000,
      );
      const alert = told && first.find(([name]) => isFiring(told, name))![0];
      const over =
        told &&
        (await stack.waitFor(
          (message) =>
            message.atMs > told.atMs && message.receiver === told.receiver && isOver(message, alert!),
          (lastsSeconds + wanted.overWithinSeconds) * 1_000,
        ));
      const messages = stack.messages().filter(({ receiver }) => receiver !== 'watchdog');
      const after = messages.filter(({ atMs }) => atMs > startsMs);
      report({
        scenario,
        factor: resourceFactor ?? FACTOR,
        startsSeconds,
        lastsSeconds,
        expected: first[0]![0],
        early,
        alert,
        receiver: told?.receiver,
        detectedSeconds: told && (told.atMs - startsMs) / 1_000,
        overSeconds: over && (over.atMs - endsMs) / 1_000,
        messages: after.length,
        before: messages.length - after.length,
        alerts: after.map(({ atMs, receiver, text }) => line(atMs - startsMs, receiver, text)),
        refused: stack.refusals().length,
        bare: bareOf(stack, startsMs),
      });
      const begun = early.filter((name) => first.some(([expected]) => expected === name));
      expect(begun, 'began before the fault').toEqual([]);
      expect(told, seen(stack)).toBeDefined();
      expect(over, seen(stack)).toBeDefined();
      expect(stack.refusals()).toEqual([]);
    }, 420_000);
  }

  if (REPORT !== undefined) {
    it('in an hour without a fault sends nothing but the Watchdog', async () => {
      stack = await startStack({
        factor: FACTOR,
        limitFactor: CALM_MARKET_FACTOR,
        scrapeIntervalMs: SCRAPE_INTERVAL_MS,
        demo: market(CALM_MARKET_FACTOR),
      });
      await stack.waitFor(() => false, CALM_OPENING_SECONDS * 1_000 + 3_600_000 / FACTOR);
      const others = stack.messages().filter(({ receiver }) => receiver !== 'watchdog');
      const watchdogs = stack.messages().length - others.length;
      report({
        scenario: 'none, for an hour',
        factor: FACTOR,
        messages: others.length,
        watchdogs,
        alerts: others.map(({ atMs, receiver, text }) => line(atMs, receiver, text)),
        refused: stack.refusals().length,
        bare: bareOf(stack, 0),
      });
      expect(others.map(({ text }) => text)).toEqual([]);
      expect(watchdogs).toBeGreaterThan(0);
      expect(stack.refusals()).toEqual([]);
    }, 420_000);
  }
});

function line(afterMs: number, receiver: string, text: string): string {
  return `${Math.round(afterMs / 1_000)} s ${receiver}: ${text.split('\n')[0]!}`;
}

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
