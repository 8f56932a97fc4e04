/** Proves that planned work survives Alertmanager: killed right after a silence, or its answer lost. `npm run chaos` is its long form. */
import { expect, onTestFinished, test } from 'vitest';
import { createRandom } from '../../src/demo/random.js';
import { eventually } from '../harness/exporter.js';
import { pause } from '../harness/processes.js';
import { startProxy } from '../harness/proxy.js';
import { startKeeper, TOKENS } from '../maintenance/keeper.js';
import { plainAlertmanager } from '../notifications/chat.js';
import { freshStore } from '../notifications/relay.js';

const LONG = process.env.FLOWGAUGE_CHAOS === 'long';
const SEED = Number(process.env.FLOWGAUGE_CHAOS_SEED ?? 20_260_102);
const KILLS = LONG ? 50 : 5;
const LOST_REPLIES = LONG ? 100 : 5;
/** Patience of the bar. */
const BACK_WITHIN_MS = 30_000;
/** Alertmanager writes its memory this often here, so that a kill comes before it as well as after it. */
const SNAPSHOT_MS = 300;

type Silences = Awaited<ReturnType<Awaited<ReturnType<typeof plainAlertmanager>>['silences']>>;

/** How many silences hold for each flow. */
function held(silences: Silences): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { matchers } of silences) {
    const flow = matchers.find(({ name }) => name === 'flow')!.value;
    counts[flow] = (counts[flow] ?? 0) + 1;
  }
  return counts;
}

function wishFor(flow: string): typeof TOKENS {
  return { ...TOKENS, matchers: [{ name: 'flow', value: flow, isEqual: true }] };
}

test(
  `${KILLS} kills of Alertmanager right after a silence (seed ${SEED}): each silence is there exactly once`,
  async () => {
    const random = createRandom(SEED);
    const { db } = await freshStore();
    const alertmanager = await plainAlertmanager([`--data.maintenance-interval=${SNAPSHOT_MS}ms`]);
    const { http, samples } = startKeeper({ db, alertmanagerUrl: alertmanager.url });
    const wanted: Record<string, number> = {};
    const took: number[] = [];
    let lost = 0;
    for (let round = 0; round < KILLS; round += 1) {
      const flow = `flow-${round}`;
      const asked = http.enable(wishFor(flow));
      await eventually(alertmanager.silences, (all) => held(all)[flow] === 1);
      await pause(random.uniform(0, SNAPSHOT_MS * 0.7));
      await alertmanager.stop('SIGKILL');
      await asked;
      await alertmanager.start();
      const startedMs = performance.now();
      if (held(await alertmanager.silences())[flow] === undefined) lost += 1;
      wanted[flow] = 1;
      const isWhole = (all: Silences) => Object.keys(wanted).every((one) => held(all)[one] !== undefined);
      await eventually(alertmanager.silences, isWhole, BACK_WITHIN_MS);
      took.push(Math.round(performance.now() - startedMs));
      expect(held(await alertmanager.silences())).toEqual(wanted);
    }
    // Two more looks: nothing comes later.
    await pause(7_000);
    expect(held(await alertmanager.silences())).toEqual(wanted);
    const recreated = (await samples('maintenance_silences_recreated_total')).get('');
    took.sort((a, b) => a - b);
    const middle = took[Math.floor(took.length / 2)];
    console.log(
      JSON.stringify({ seed: SEED, kills: KILLS, lost, recreated, medianMs: middle, maxMs: took.at(-1) }),
    );
    // The run has met what it is about: an Alertmanager without its memory.
    expect(lost).toBeGreaterThan(0);
  },
  LONG ? 1_800_000 : 120_000,
);

test(
  `${LOST_REPLIES} answers lost on their way back: each silence is there exactly once`,
  async () => {
    const { db } = await freshStore();
    const alertmanager = await plainAlertmanager();
    const proxy = await startProxy(Number(new URL(alertmanager.url).port));
    onTestFinished(() => proxy.stop());
    const through = proxy.through(alertmanager.url);
    const { http, look } = startKeeper({ db, alertmanagerUrl: through, job: 'by hand' });
    for (let round = 0; round < LOST_REPLIES; round += 1) {
      const flow = `flow-${round}`;
      proxy.set({ kind: 'delay', ms: 400 });
      const asked = http.enable(wishFor(flow));
      // Made, and the answer that says so is still held by the proxy.
      await eventually(alertmanager.silences, (all) => held(all)[flow] === 1, 10_000);
      proxy.set({ kind: 'reset' });
      expect(await asked).toMatchObject({ state: 'pending' });
      proxy.set({ kind: 'pass' });
      await look();
      expect(held(await alertmanager.silences())).toEqual({ [flow]: 1 });
      await http.disable('chief');
    }
  },
  LONG ? 600_000 : 120_000,
);
