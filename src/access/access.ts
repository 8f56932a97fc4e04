/** Owns the question that each request asks before anything else: who is it, and may it? Its answers, and the open door. */
import { type Grant, isEnough, type Role } from './role.js';

/** What is known of a request before its credentials are looked at. */
export interface Ask {
  /** The role that the route asks for. */
  readonly role: Role;
  /** The header, as it came. */
  readonly authorization: string | undefined;
  /** Address of the other side of the socket; what a proxy says of itself is not believed. */
  readonly remote: string;
}

/** Who asks. */
export interface Caller {
  /** User or token as the configuration names it; `anonymous` without credentials. */
  readonly name: string;
  readonly grants: readonly Grant[];
}

/** Why a request may not go on. */
export const REFUSALS = ['missing', 'wrong', 'role', 'limited', 'busy'] as const;
/** `missing` or `wrong` credentials, right ones without the `role`, too many attempts, or too many requests of all. */
export type Refusal = (typeof REFUSALS)[number];

/** The answer. `retryAfterSeconds` is there when the refusal is `limited` or `busy`. */
export type Admission =
  | { readonly kind: 'admitted'; readonly caller: Caller }
  | {
      readonly kind: 'refused';
      readonly refusal: Refusal;
      readonly caller: Caller;
      readonly retryAfterSeconds?: number;
    };

/** Who may come in. */
export interface Access {
  /** Decides; rejects never. Routes of the role `none` are not asked for credentials. */
  admit(ask: Ask): Promise<Admission>;
}

/** A caller without credentials, and what is open to everybody. */
export function anonymous(grants: readonly Grant[]): Caller {
  return { name: 'anonymous', grants };
}

/** The admission of a caller who is known. */
export function admission(caller: Caller, role: Role): Admission {
  if (isEnough(caller.grants, role)) return { kind: 'admitted', caller };
  return { kind: 'refused', refusal: 'role', caller };
}

/** No credentials anywhere, as on a loopback address: everybody reads; alerts come in with their own token, if there is one. */
export function openAccess(mayIngest: (authorization: string | undefined) => boolean = () => false): Access {
  return {
    async admit({ role, authorization }) {
      const caller = anonymous(mayIngest(authorization) ? ['read', 'ingest'] : ['read']);
      if (isEnough(caller.grants, role)) return { kind: 'admitted', caller };
      return { kind: 'refused', refusal: authorization === undefined ? 'missing' : 'wrong', caller };
    },
  };
}
