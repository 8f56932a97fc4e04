/** Checks the landing page in a real browser on a narrow phone: nothing is cut off, all text is seen, nothing else is asked for. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Browser, type Screen, startChromium } from '../harness/chromium.js';
import { alert, breaker, flow, healthDeps, job, NOW, resources } from '../operations/made-up-facts.js';
import { startFace, tokens } from './face.js';

const PHONE: Screen = { width: 360, height: 740, scheme: 'light' };
/** A word without a place to break, as names of tables and alerts are. */
const LONG = 'a_very_long_name_without_any_place_where_it_could_be_broken_'.repeat(3);

const busy = healthDeps({
  flows: () => [{ ...flow, verdict: 'stalled' }],
  breakers: () => [{ ...breaker, name: LONG, state: 'open', retryAfterSeconds: 4 }],
  jobs: () => [{ ...job, name: LONG, state: 'stuck' }],
  resources: () => ({
    ...resources,
    health: { ...resources.health!, reasons: [{ ...resources.health!.reasons[0]!, text: LONG }] },
  }),
  firing: () => ({
    kind: 'known',
    at: NOW,
    alerts: [alert('critical', { annotations: { summary: LONG } }), alert('warning', { isMuted: true })],
  }),
});

/**
 * Runs in the page: every text that has no size or place, is smaller than 12 pixels, or stands out from the page by less
 * than the 4.5 to 1 of WCAG.
 */
const unseen = `() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (text) => {
    const [r, g, b] = numbers(text).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const back = light(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll('h1,h2,h3,p,li,small,strong,a,span')]
    .filter((one) => {
      const { width, height } = one.getBoundingClientRect();
      const { fontSize, visibility, color } = getComputedStyle(one);
      const front = light(color);
      const contrast = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
      return width === 0 || height === 0 || parseFloat(fontSize) < 12 || visibility !== 'visible' || contrast < 4.5;
    })
    .map((one) => one.outerHTML.slice(0, 80) + ' ' + getComputedStyle(one).color);
}`;

describe('in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser?.stop());

  async function openOnPhone(screen = PHONE) {
    const statuses = [{ status: LONG, items: 123_456_789, stuckItems: 9, oldestAgeSeconds: 90_061 }];
    const { server } = await startFace({
      ...busy,
      flows: () => [tokens, { ...tokens, flow: 'orders', table: LONG, verdict: 'stalled', statuses }],
      ready: () => ({ ready: false, reasons: [LONG] }),
    });
    return { page: await browser.open(`${server.url}/`, screen), url: `${server.url}/` };
  }

  test('nothing is wider than a phone of 360 pixels, whatever the names are', async () => {
    const { page } = await openOnPhone();
    expect(await page.evaluate('innerWidth')).toBe(360);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    const beyond = `[...document.querySelectorAll('body *')]
    .filter((one) => one.getBoundingClientRect().right > innerWidth)
    .map((one) => one.tagName)`;
    expect(await page.evaluate(beyond)).toEqual([]);
  });

  test.each(['light', 'dark'] as const)('the text is seen in a %s room', async (scheme) => {
    const { page } = await openOnPhone({ ...PHONE, scheme });
    const words = String(await page.evaluate('document.body.innerText'));
    for (const word of ['Health: unhealthy', 'tokens: flowing', 'orders: stalled', 'FlowStalled', 'OpenAPI'])
      expect(words).toContain(word);
    expect(await page.evaluate(`(${unseen})()`)).toEqual([]);
    const low = `[...document.querySelectorAll('nav a')].filter((one) => one.getBoundingClientRect().height < 40)`;
    expect(await page.evaluate(`${low}.length`)).toBe(0);
    const picture = await page.screenshot();
    expect(picture.subarray(1, 4).toString()).toBe('PNG');
    expect([picture.readUInt32BE(16), picture.readUInt32BE(20)]).toEqual([PHONE.width, PHONE.height]);
    // An empty page of this size packs into 2 or 3 kB.
    expect(picture.length).toBeGreaterThan(15_000);
  });

  test('the page asks for nothing but itself, and its own policy stops nothing of it', async () => {
    const { page, url } = await openOnPhone();
    const beside = page.requested.filter((one) => !one.endsWith('/favicon.ico'));
    expect(beside).toEqual([url]);
    expect(page.complaints.filter((text) => !text.includes('404'))).toEqual([]);
    expect(await page.evaluate('document.scripts.length')).toBe(0);
    expect(await page.evaluate('performance.getEntriesByType("resource").length')).toBe(0);
  });

  test('on a screen the flows stand beside each other', async () => {
    const { page } = await openOnPhone({ width: 1280, height: 900, scheme: 'light' });
    const tops = `[...document.querySelectorAll('article')].map((one) => one.getBoundingClientRect().top)`;
    const [first, second] = (await page.evaluate(tops)) as number[];
    expect(first).toBe(second);
  });
});
