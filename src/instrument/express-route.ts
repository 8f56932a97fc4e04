/** Owns the name of the route that answered: the pattern as it was declared, mounts included, never what was asked. */

import { requestNotes } from './request-mark.js';

/** Label value of a request that no route answered. */
export const UNMATCHED = 'unmatched';

/** A declared path: text, an expression, or several of either. */
type Declared = unknown;

interface RouteLike {
  readonly path?: Declared;
}
interface Layer {
  readonly route?: RouteLike | undefined;
  /** The declared path; routers before 2.3 do not keep it. */
  readonly rawPath?: Declared;
  readonly keys?: readonly unknown[];
  readonly slash?: boolean;
  readonly handle?: unknown;
}
interface AppLike {
  readonly parent?: AppLike | undefined;
  readonly mountpath?: Declared;
}

/** What Express puts on a request, as far as it matters here. */
export interface RoutedRequest {
  readonly route?: RouteLike | undefined;
  readonly app?: unknown;
  readonly baseUrl?: string | undefined;
  readonly originalUrl?: string | undefined;
}

/** One way from the application down to a route. */
interface Way {
  readonly pattern: string;
  /** What a path below the mounts looks like; decides where one router is mounted twice. */
  readonly mounts: RegExp;
}

/** A mount whose pattern the router did not keep. */
const UNKNOWN_MOUNT = '/*';
const MAX_DEPTH = 20;

/** The ways to each route, found once. None may be found from the application around the one that has the route. */
const waysOf = requestNotes<{ readonly app: unknown; readonly ways: readonly Way[] }>();

/** The pattern of the matched route, for instance `/tenants/:tenant/users/:id`; `unmatched` without one. */
export function routeLabel(request: RoutedRequest): string {
  const { route } = request;
  if (route === undefined || route === null) return UNMATCHED;
  const ways = waysTo(route, request);
  if (ways.length === 1) return ways[0]!.pattern;
  if (ways.length > 1) {
    const asked = pathOf(request.originalUrl);
    const way = ways.find(({ mounts }) => mounts.test(asked));
    if (way !== undefined) return way.pattern;
  }
  // The router is hidden in a function: the mount is only known as it was asked for, which may hold an id.
  return tidy(`${request.baseUrl ? UNKNOWN_MOUNT : ''}${textOf(route.path)}`);
}

function waysTo(route: RouteLike, request: RoutedRequest): readonly Way[] {
  const known = waysOf.get(route);
  if (known !== undefined && (known.ways.length > 0 || known.app === request.app)) return known.ways;
  const ways = findWays(route, request.app);
  waysOf.set(route, { app: request.app, ways });
  return ways;
}

function findWays(route: RouteLike, app: unknown): readonly Way[] {
  const prefix = mountOf(app as AppLike | undefined);
  const found: Way[] = [];
  search(stackOf(app), prefix, 0);
  return found;

  function search(stack: readonly Layer[] | undefined, mounts: string, depth: number): void {
    if (stack === undefined || depth > MAX_DEPTH) return;
    for (const layer of stack) {
      if (layer.route === route) {
        found.push({ pattern: tidy(`${mounts}${textOf(route.path)}`), mounts: expressionOf(mounts) });
      } else if (layer.route === undefined || layer.route === null) {
        const inner = stackOf(layer.handle);
        if (inner !== undefined) search(inner, `${mounts}${layerPath(layer)}`, depth + 1);
      }
    }
  }
}

/** The path of a mount; a router that did not keep it has at least told whether it has parameters. */
function layerPath(layer: Layer): string {
  if (layer.rawPath !== undefined) return textOf(layer.rawPath);
  return layer.slash === true ? '' : UNKNOWN_MOUNT;
}

/** Where an application is mounted in its parents. */
function mountOf(app: AppLike | undefined, depth = 0): string {
  const parent = app?.parent;
  if (app === undefined || parent === undefined || parent === null || depth > MAX_DEPTH) return '';
  return `${mountOf(parent, depth + 1)}${textOf(app.mountpath)}`;
}

/** The layers of an application or a router; undefined for anything else. */
function stackOf(handler: unknown): readonly Layer[] | undefined {
  for (const one of [handler, memberOf(handler, '_router'), memberOf(handler, 'router')]) {
    const stack = memberOf(one, 'stack');
    if (Array.isArray(stack)) return stack as readonly Layer[];
  }
  return undefined;
}

/** Reading `router` of an application of Express 4 throws. */
function memberOf(subject: unknown, member: string): unknown {
  if ((typeof subject !== 'object' && typeof subject !== 'function') || subject === null) return undefined;
  try {
    return (subject as Readonly<Record<string, unknown>>)[member];
  } catch {
    return undefined;
  }
}

function textOf(path: Declared): string {
  if (Array.isArray(path)) return path.length === 1 ? textOf(path[0]) : `/(${path.map(textOf).join('|')})`;
  if (path === undefined || path === null) return '';
  // In brackets, or the slash that ends an expression would be taken for one that ends a path.
  if (path instanceof RegExp) return `/(${path.source})`;
  return String(path);
}

function tidy(pattern: string): string {
  const short = pattern.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '');
  return short === '' ? '/' : short.slice(0, 200);
}

function pathOf(url: string | undefined): string {
  return (url ?? '').split('?', 1)[0]!;
}

/** Mounts as an expression: a parameter is one part of the path, everything unusual may be anything. */
function expressionOf(mounts: string): RegExp {
  const parts = tidy(mounts)
    .split('/')
    .filter((part) => part !== '')
    .map((part) => {
      if (/^[\w.~%-]+$/.test(part)) return part.replaceAll('.', '\\.');
      return part.startsWith(':') && /^:\w+$/.test(part) ? '[^/]+' : '.*';
    });
  return new RegExp(`^${parts.map((part) => `/${part}`).join('')}(/|$)`, 'i');
}
