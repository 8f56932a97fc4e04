/** Owns the answers of a scrape: headers, sharing, compression, the bound on waiting, and everybody's own budget. */
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import * as promClient from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/metrics/registry.js';
import { createScraper, type ScrapeAnswer, type ScraperOptions } from '../../src/metrics/scrape.js';
import { parseClassic, parseOpenMetrics } from './text-parser.js';

const OPENMETRICS = 'application/openmetrics-text;version=1.0.0';

function setUp(options: ScraperOptions = {}) {
  const metrics = createMetrics({ processMetrics: 'omit', maxSeriesPerMetric: 20_000, maxSeries: 100_000 });
  return { metrics, ...createScraper(metrics, options) };
}

/** A host's metric that answers when told to. */
function gated(registry: promClient.Registry, name = 'gated') {
  let calls = 0;
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  new promClient.Gauge({
    name,
    help: 'h',
    registers: [registry],
    async collect() {
      calls += 1;
      await gate;
    },
  });
  return { open, calls: () => calls };
}

describe('a scrape', () => {
  it('answers in the format that was asked for, with exact headers', async () => {
    const { scrape } = setUp();
    const classic = await scrape({});
    const text = await bodyOf(classic);
    expect(classic.status).toBe(200);
    expect(classic.headers).toEqual({
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      'content-length': `${text.length}`,
      vary: 'accept, accept-encoding',
    });
    parseClassic(text.toString());
    const open = await scrape({ accept: OPENMETRICS });
    expect(open.headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    parseOpenMetrics((await bodyOf(open)).toString());
  });

  it('is compressed on request, and not otherwise', async () => {
    const { scrape } = setUp();
    const plain = await bodyOf(await scrape({}));
    const answer = await scrape({ acceptEncoding: 'gzip' });
    expect(answer.headers['content-encoding']).toBe('gzip');
    const body = await bodyOf(answer);
    expect(answer.headers['content-length']).toBe(`${body.length}`);
    expect(gunzipSync(body).length).toBe(plain.length);
  });

  it('of many series is a stream of the announced length, plain and compressed', async () => {
    const { scrape, metrics } = setUp();
    for (let i = 0; i < 20_000; i += 1) metrics.flowItems.set({ flow: `flow-${i}`, status: 'monitoring' }, i);
    for (const acceptEncoding of ['identity', 'gzip']) {
      const answer = await scrape({ acceptEncoding });
      const body = await bodyOf(answer);
      expect(answer.headers['content-length']).toBe(`${body.length}`);
      const text = (acceptEncoding === 'gzip' ? gunzipSync(body) : body).toString();
      const family = parseClassic(text).find((f) => f.name === 'flow_items');
      expect(family?.samples).toHaveLength(20_000);
      expect(answer.body instanceof Readable).toBe(acceptEncoding === 'identity');
    }
  });

  it('shows what was recorded before it began, and the outcome of its own collectors', async () => {
    const { scrape, metrics } = setUp();
    new promClient.Gauge({
      name: 'good',
      help: 'h',
      registers: [metrics.registry],
      collect() {
        this.set(5);
      },
    });
    new promClient.Gauge({
      name: 'bad',
      help: 'h',
      registers: [metrics.registry],
      collect() {
        throw new Error('no');
      },
    });
    new promClient.Counter({ name: 'plain_total', help: 'h', registers: [metrics.registry] });
    metrics.flowTransitions.inc({ flow: 'a', from: 'b', to: 'c' });
    metrics.flowTransitions.inc({ flow: 'a', from: 'b', to: 'c' }, Number.NaN);
    const shown = await samplesOf(await scrape({}));
    expect(shown).toMatchObject({
      'flow_transitions_total{flow="a",from="b",to="c"}': '1',
      good: '5',
      plain_total: '0',
      'flowgauge_collector_success{collector="good"}': '1',
      'flowgauge_collector_success{collector="bad"}': '0',
      'flowgauge_collector_success{collector="registered"}': '1',
      'flowgauge_rejected_values_total{metric="flow_transitions_total"}': '1',
      'flowgauge_series_overflow_total{metric="flow_transitions_total"}': '0',
      'flowgauge_series{metric="flow_transitions_total"}': '1',
      'flowgauge_series{metric="nodejs_eventloop_delay_seconds"}': '13',
    });
    expect(shown).not.toHaveProperty('bad');
    metrics.registry.removeSingleMetric('bad');
    expect(await samplesOf(await scrape({}))).not.toHaveProperty(
      'flowgauge_collector_success{collector="bad"}',
    );
  });

  it('counts every series that it prints', async () => {
    const { scrape, metrics } = setUp();
    metrics.flowStatusDuration.observe({ flow: 'a', status: 'b', to: 'c' }, 3);
    const shown = Object.entries(await samplesOf(await scrape({})));
    const told = shown.filter(([name]) => name.startsWith('flowgauge_series{'));
    expect(told.reduce((sum, [, value]) => sum + Number(value), 0)).toBe(shown.length);
  });
});

describe('scrapes at the same time', () => {
  it('share one rendering per format', async () => {
    const { scrape, metrics } = setUp();
    const gate = gated(metrics.registry);
    const answers = [scrape({}), scrape({ acceptEncoding: 'gzip' }), scrape({})];
    gate.open();
    const [a, , c] = await Promise.all(answers);
    expect(gate.calls()).toBe(1);
    expect((await bodyOf(a!)).equals(await bodyOf(c!))).toBe(true);
  });

  it('do not share what is older than themselves', async () => {
    const { scrape, metrics } = setUp();
    await scrape({});
    metrics.leader.set({}, 1);
    expect(await samplesOf(await scrape({}))).toHaveProperty('flowgauge_leader', '1');
  });

  it('are refused beyond the bound, counted, and served again afterwards', async () => {
    const { scrape, metrics } = setUp({ maxWaiting: 2 });
    const gate = gated(metrics.registry);
    const waiting = [scrape({}), scrape({ accept: OPENMETRICS })];
    const refused = await scrape({});
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    expect((await bodyOf(refused)).toString()).toBe('2 scrapes are under way already; try again later\n');
    gate.open();
    expect((await Promise.all(waiting)).map((a) => a.status)).toEqual([200, 200]);
    expect(await samplesOf(await scrape({}))).toHaveProperty('flowgauge_scrapes_rejected_total', '1');
  });

  it('keep the budget of the one who has the least time', async () => {
    const { scrape, metrics } = setUp({ maxBudgetMs: 3_600_000 });
    gated(metrics.registry);
    // The patient one alone would wait for an hour, and the test would time out.
    const patient = scrape({ timeoutSeconds: '3600' });
    const hasty = scrape({ timeoutSeconds: ['0.02', '3600'] });
    const shown = await samplesOf(await hasty);
    expect((await patient).status).toBe(200);
    expect(shown).toHaveProperty('flowgauge_collector_success{collector="gated"}', '0');
    expect(shown).not.toHaveProperty('gated');
  });
});

async function bodyOf({ body }: ScrapeAnswer): Promise<Buffer> {
  if (Buffer.isBuffer(body)) return body;
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Series → value, as a scraper reads them. */
async function samplesOf(answer: ScrapeAnswer): Promise<Record<string, string>> {
  const families = parseClassic((await bodyOf(answer)).toString());
  const entries = families.flatMap((family) =>
    family.samples.map(({ name, labels, value }) => {
      const set = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
      return [set.length === 0 ? name : `${name}{${set.join(',')}}`, value] as const;
    }),
  );
  return Object.fromEntries(entries);
}
