/** Owns the gate before every handler: whoever may not come in is told why, without a look at the body. */
import type { IncomingMessage } from 'node:http';
import { type Admission, type Caller, openAccess } from '../access/access.js';
import type { HttpDeps } from './deps.js';
import {
  CREDENTIALS_REFUSED,
  HOST_REFUSED,
  ORIGIN_REFUSED,
  ROLE_MISSING,
  TOKEN_REFUSED,
  TOO_MANY_ATTEMPTS,
  TOO_MANY_REQUESTS,
} from './gate-problems.js';
import { HttpProblem } from './problem.js';
import type { Route } from './route.js';

/** Lets a request in or throws an HttpProblem. */
export interface Gate {
  admit(route: Route, request: IncomingMessage): Promise<Caller>;
}

/** What the gate needs; the open door without `access`. */
export type GateDeps = Pick<HttpDeps, 'access' | 'admin' | 'alerts' | 'isOwnHost' | 'onRefusal'>;

/** The gate of an application. */
export function openGate(deps: GateDeps): Gate {
  const { alerts, isOwnHost = () => true, onRefusal = () => {} } = deps;
  const access = deps.access ?? openAccess((authorization) => alerts?.mayIngest(authorization) ?? false);
  return {
    async admit(route, request) {
      const { headers, socket } = request;
      // A page of another place can make a browser ask loopback under a name of its own (DNS rebinding).
      if (route.role !== 'none' && headers.host !== undefined && !isOwnHost(headers.host)) {
        onRefusal('host');
        throw new HttpProblem(HOST_REFUSED);
      }
      if (route.method === 'POST' && isFromElsewhere(request)) {
        onRefusal('origin');
        throw new HttpProblem(ORIGIN_REFUSED);
      }
      const admission = await access.admit({
        role: route.role,
        authorization: headers.authorization,
        remote: socket.remoteAddress ?? '',
      });
      if (admission.kind === 'admitted') return admission.caller;
      onRefusal(admission.refusal);
      if (route.role === 'admin')
        deps.admin?.denied({
          caller: admission.caller.name,
          remote: socket.remoteAddress ?? '',
          method: route.method,
          route: route.path,
          refusal: admission.refusal,
        });
      throw refused(route, admission);
    },
  };
}

/** Browsers say where a request came from; programs say nothing. */
function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin, host } = headers;
  return origin !== undefined && origin.replace(/^https?:\/\//, '') !== host;
}

function refused({ role }: Route, admission: Admission & { readonly kind: 'refused' }): HttpProblem {
  const { refusal, retryAfterSeconds = 1 } = admission;
  const later = { 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds))) };
  switch (refusal) {
    case 'limited':
      return new HttpProblem(TOO_MANY_ATTEMPTS, later);
    case 'busy':
      return new HttpProblem(TOO_MANY_REQUESTS, later);
    case 'role':
      return new HttpProblem({ ...ROLE_MISSING, remedy: `use credentials with the role ${role}` });
    default:
      return role === 'ingest'
        ? new HttpProblem(TOKEN_REFUSED, { 'www-authenticate': 'Bearer' })
        : new HttpProblem(CREDENTIALS_REFUSED, {
            'www-authenticate': 'Basic realm="flowgauge", charset="UTF-8"',
          });
  }
}
