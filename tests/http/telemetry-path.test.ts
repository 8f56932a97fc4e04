/** Proves that the configuration refuses every path for the metrics that a page of ours has, and no other. */
import { expect, it } from 'vitest';
import { parseTelemetryPath, TAKEN_PATHS } from '../../src/config/web-paths.js';
import { SCRAPE_PATH } from '../../src/http/route.js';
import { ROUTES } from '../../src/http/route-table.js';
import { startFace } from './face.js';

const others = ROUTES.map(({ path }) => path).filter((path) => path !== SCRAPE_PATH);

it('the list of taken paths is that of the routes', () => {
  const firsts = others.filter((path) => path !== '/').map((path) => `/${path.split('/')[1]}`);
  expect([...TAKEN_PATHS].sort()).toEqual([...new Set(firsts)].sort());
});

it.each([...others, '/runbooks/x', '/admin', '/api/none', '/openapi.json/x'])(
  'the metrics cannot live at %s',
  (path) => {
    expect(parseTelemetryPath(path.replace(/:\w+/g, 'x')).ok).toBe(false);
  },
);

it('they live at another path alone', async () => {
  const { get } = await startFace({ telemetryPath: '/internal/metrics' });
  expect((await get('/internal/metrics')).text).toBe('up 1\n');
  expect((await get('/metrics')).status).toBe(404);
});
