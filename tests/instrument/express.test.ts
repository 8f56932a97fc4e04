/** Checks the inbound latency on real requests to real Express applications: routes, mounts, aborts, foreign methods. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type NextFunction, Router } from 'express';
import { describe, expect, onTestFinished, test } from 'vitest';
import { instrumentExpress } from '../../src/instrument/express.js';
import { createMetrics, type Metrics } from '../../src/metrics/registry.js';
import { textOf } from '../metrics/fixture.js';

/** An application on a free port; `seen` are the samples of the count, once nothing is under way any more. */
async function serve(build: (app: Express) => void) {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const app = express();
  app.use(instrumentExpress(metrics));
  build(app);
  app.use((_error: Error, _req: IncomingMessage, res: ServerResponse, _next: NextFunction) => {
    res.statusCode = 500;
    res.end('broken');
  });
  const server = await listen(createServer(app));
  return {
    metrics,
    server,
    get: (path: string, method = 'GET') => ask(server, path, method),
    seen: () => seen(metrics),
  };
}

async function listen(server: Server): Promise<Server> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return server;
}

function ask(server: Server, path: string, method: string): Promise<number> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const req = request({ port, path, method, agent: false }, (res) => {
      res.resume();
      res.on('end', () => resolve(res.statusCode ?? 0));
    });
    req.on('error', reject);
    req.end();
  });
}

async function seen(metrics: Metrics): Promise<string[]> {
  await expect.poll(() => metrics.httpServerActive.value({} as never)).toBe(0);
  const text = await textOf([metrics.httpServerDuration]);
  return text
    .split('\n')
    .filter((line) => line.startsWith('http_server_request_duration_seconds_count'))
    .filter((line) => !line.endsWith(' 0'))
    .map((line) =>
      line.replace(
        /^.*method="(.*)",http_route="(.*)",http_response_status_code="(.*)"\} (\d+)$/,
        '$1 $2 $3: $4',
      ),
    )
    .sort();
}

const ok = (_req: IncomingMessage, res: ServerResponse) => void res.end('ok');

describe('routes', () => {
  test('the pattern of the route, never what was asked; all that no route answers is one bucket', async () => {
    const { get, seen } = await serve((app) => {
      app.get('/users/:id', ok);
      app.get('/', ok);
      app.post(['/a', '/b'], ok);
      app.get(/^\/files\/(.+)$/, ok);
    });
    for (const path of ['/users/1', '/users/2?x=3', '/', '/?q=1', '/files/x/y'])
      expect(await get(path)).toBe(200);
    expect(await get('/b', 'POST')).toBe(200);
    for (const path of ['/none', '/none/2', '/users', '/.git/config']) expect(await get(path)).toBe(404);
    expect(await seen()).toEqual([
      'GET / 200: 2',
      'GET /(^\\\\/files\\\\/(.+)$) 200: 1',
      'GET /users/:id 200: 2',
      'GET unmatched 404: 4',
      'POST /(/a|/b) 200: 1',
    ]);
  });

  test('mounted routers: the mount as declared, also with parameters, several deep, and after an error', async () => {
    const { get, seen } = await serve((app) => {
      const users = Router();
      users.get('/', ok);
      users.get('/:user', ok);
      users.get('/:user/broken', () => {
        throw new Error('broken');
      });
      const tenant = Router({ mergeParams: true });
      tenant.use('/users', users);
      app.use('/tenants/:tenant', tenant);
    });
    expect(await get('/tenants/7/users/1')).toBe(200);
    expect(await get('/tenants/8/users/2')).toBe(200);
    expect(await get('/tenants/8/users')).toBe(200);
    expect(await get('/tenants/8/users/2/broken')).toBe(500);
    expect(await get('/tenants/8/nothing')).toBe(404);
    expect(await seen()).toEqual([
      'GET /tenants/:tenant/users 200: 1',
      'GET /tenants/:tenant/users/:user 200: 2',
      'GET /tenants/:tenant/users/:user/broken 500: 1',
      'GET unmatched 404: 1',
    ]);
  });

  test('one router mounted twice is told apart; a mounted application and a hidden router have their places', async () => {
    const { get, seen } = await serve((app) => {
      const shared = Router();
      shared.get('/status', ok);
      app.use('/v1', shared);
      app.use('/v2/:region', shared);
      const inner = express();
      const deep = Router();
      deep.get('/list', ok);
      inner.use('/items', deep);
      app.use('/shop', inner);
      const hidden = Router();
      hidden.get('/x', ok);
      app.use('/ids/:id', (req, res, next) => hidden(req, res, next));
    });
    for (const path of ['/v1/status', '/v2/eu/status', '/v2/us/status', '/shop/items/list', '/ids/12345/x']) {
      expect(await get(path)).toBe(200);
    }
    expect(await seen()).toEqual([
      'GET /*/x 200: 1',
      'GET /shop/items/list 200: 1',
      'GET /v1/status 200: 1',
      'GET /v2/:region/status 200: 2',
    ]);
  });
});

describe('what clients do', () => {
  test('unknown methods are folded into one value', async () => {
    const { get, seen } = await serve((app) => app.all('/any', ok));
    for (const method of ['GET', 'PUT', 'PROPFIND', 'MKCOL', 'LOCK'])
      expect(await get('/any', method)).toBe(200);
    expect(await seen()).toEqual(['GET /any 200: 1', 'PUT /any 200: 1', 'other /any 200: 3']);
  });

  test('a client that leaves before the end is counted as aborted, and is no longer active', async () => {
    let arrived: () => void = () => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const { metrics, server, seen } = await serve((app) => {
      app.get('/slow', () => arrived());
      app.get('/half', (_req, res) => {
        res.write('half');
        arrived();
      });
    });
    const { port } = server.address() as AddressInfo;
    const slow = request({ port, path: '/slow', agent: false });
    slow.on('error', () => {});
    slow.end();
    await arrival;
    expect(metrics.httpServerActive.value({} as never)).toBe(1);
    slow.destroy();
    expect(await seen()).toEqual(['GET /slow aborted: 1']);
    const half = request({ port, path: '/half', agent: false });
    half.on('error', () => {});
    half.on('response', (res) => res.on('error', () => {}).once('data', () => half.destroy()));
    half.end();
    await expect.poll(seen).toEqual(['GET /half aborted: 1', 'GET /slow aborted: 1']);
  });

  test('the middleware twice in one application counts once', async () => {
    const { metrics, get, seen } = await serve(() => {});
    const app = express();
    const measure = instrumentExpress(metrics);
    app.use(measure, measure);
    app.get('/once', ok);
    const other = await listen(createServer(app));
    expect(await ask(other, '/once', 'GET')).toBe(200);
    await get('/x');
    expect(await seen()).toEqual(['GET /once 200: 1', 'GET unmatched 404: 1']);
  });
});

describe('several middlewares', () => {
  test('for two metrics in one application each count every request', async () => {
    const [first, second] = [0, 1].map(() => createMetrics({ processMetrics: 'omit' }));
    const app = express();
    app.use(instrumentExpress(first!), instrumentExpress(second!));
    app.get('/both', ok);
    const server = await listen(createServer(app));
    for (let i = 0; i < 3; i += 1) expect(await ask(server, '/both', 'GET')).toBe(200);
    expect(await seen(first!)).toEqual(['GET /both 200: 3']);
    expect(await seen(second!)).toEqual(['GET /both 200: 3']);
  });

  test.each([
    ['found at once', 0, [3, 3]],
    ['found after many that were seen once: twice active up to the end of the first', 150, [6, 3]],
  ])('around something slow count a request once, %s', async (_, quick, expected) => {
    const metrics = createMetrics({ processMetrics: 'omit' });
    const held: (() => void)[] = [];
    const app = express();
    app.use(instrumentExpress(metrics));
    app.get('/quick', ok);
    app.use((_req, _res, next) => void held.push(next));
    app.use(instrumentExpress(metrics));
    app.get('/held', (_req, res) => void held.push(() => res.end('ok')));
    const server = await listen(createServer(app));
    const go = async () => {
      await expect.poll(() => held.length).toBe(3);
      const active = metrics.httpServerActive.value({} as never);
      for (const next of held.splice(0)) next();
      return active;
    };
    const overlapping = async () => {
      const asked = [1, 2, 3].map(() => ask(server, '/held', 'GET'));
      await go();
      const active = await go();
      await Promise.all(asked);
      await expect.poll(() => metrics.httpServerActive.value({} as never)).toBe(0);
      return active;
    };
    for (let i = 0; i < quick; i += 1) await ask(server, '/quick', 'GET');
    expect([await overlapping(), await overlapping()]).toEqual(expected);
    expect(await seen(metrics)).toContain('GET /held 200: 6');
  });
});

test('a catch-all route that hands on is the route of what nothing else answered', async () => {
  const { get, seen } = await serve((app) => {
    app.all('/{*any}', (_req, _res, next) => next());
    app.get('/known', ok);
  });
  expect(await get('/known')).toBe(200);
  expect(await get('/unknown')).toBe(404);
  expect(await seen()).toEqual(['GET /known 200: 1', 'GET /{*any} 404: 1']);
});

test('a trace that is asked for later costs only the exemplar', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  const metrics = createMetrics({ processMetrics: 'omit' });
  const app = express();
  const exemplar = async () => {
    throw new Error('no tracer');
  };
  app.use(instrumentExpress(metrics, { exemplar: exemplar as never }));
  app.get('/traced', ok);
  expect(await ask(await listen(createServer(app)), '/traced', 'GET')).toBe(200);
  expect(await seen(metrics)).toEqual(['GET /traced 200: 1']);
  expect(await textOf([metrics.httpServerDuration], { format: 'openmetrics' })).not.toContain('# {');
  expect(unhandled).toEqual([]);
});

test('a trace is the exemplar of its request in OpenMetrics; a question that throws costs only the exemplar', async () => {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const traces = ['4bf92f3577b34da6a3ce929d0e0e4736'];
  const app = express();
  app.use(
    instrumentExpress(metrics, {
      exemplar: () => {
        const trace_id = traces.pop();
        if (trace_id === undefined) throw new Error('no tracer');
        return { trace_id };
      },
      wallMs: () => 1_700_000_000_000,
    }),
  );
  app.get('/traced', ok);
  const server = await listen(createServer(app));
  for (let i = 0; i < 2; i += 1) expect(await ask(server, '/traced', 'GET')).toBe(200);
  expect(await seen(metrics)).toEqual(['GET /traced 200: 2']);
  const text = await textOf([metrics.httpServerDuration], { format: 'openmetrics' });
  expect(text).toMatch(/\{trace_id="4bf92f3577b34da6a3ce929d0e0e4736"\} [\d.e-]+ 1700000000$/m);
});

test('declared routes are there at zero before the first request', async () => {
  const metrics = createMetrics({ processMetrics: 'omit' });
  instrumentExpress(metrics, { declared: [['GET', '/metrics']] });
  const text = await textOf([metrics.httpServerDuration]);
  const series = 'http_server_request_duration_seconds_count{http_request_method="GET",http_route=';
  expect(text).toContain(`${series}"/metrics",http_response_status_code="200"} 0\n`);
  expect(text).toContain(`${series}"unmatched",http_response_status_code="404"} 0\n`);
});
