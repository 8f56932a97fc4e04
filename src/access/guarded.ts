/** Owns the guarded door: bearer tokens and passwords of the web configuration file, checked before anything else happens. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { hasCredentials, type WebFile, type WebUser } from '../config/web-file.js';
import { type Access, type Admission, type Ask, admission, anonymous, type Caller } from './access.js';
import { Buckets } from './buckets.js';
import { KnownPasswords } from './known-passwords.js';
import { LONGEST_PASSWORD_BYTES, type PasswordCheck } from './password-check.js';
import type { Grant } from './role.js';

/** Wrong passwords of one address before it has to wait. */
const BY_ADDRESS = { burst: 10, intervalMs: 3_000 } as const;
/** The same for one user, from everywhere: more than one address may try, or each address could lock a user out. */
const BY_USER = { burst: 30, intervalMs: 1_000 } as const;

/** What is remembered of passwords. Kept over reloads: each would give an attacker a new start, and a scraper a wait. */
export interface PasswordMemory {
  readonly byAddress: Buckets;
  readonly byUser: Buckets;
  readonly known: KnownPasswords;
}

/** What the door needs. */
export interface GuardedOptions {
  readonly file: WebFile;
  readonly passwords: PasswordCheck;
  /** What everybody may do when the file asks nobody for credentials. */
  readonly openTo: readonly Grant[];
  readonly memory: PasswordMemory;
  /** The intake's own token, beside those of the file; undefined when it has none. */
  readonly isIngestToken: ((authorization: string | undefined) => boolean) | undefined;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** The memory of a process that has just begun. */
export function newPasswordMemory(): PasswordMemory {
  return {
    byAddress: new Buckets(BY_ADDRESS),
    byUser: new Buckets(BY_USER),
    known: new KnownPasswords(),
  };
}

/** The door that a web configuration file describes. */
export function guardedAccess(options: GuardedOptions): Access {
  const { file, passwords, openTo, isIngestToken = () => false, nowMs } = options;
  const { byAddress, byUser, known } = options.memory;
  const tokens = file.tokens.map((token) => ({ ...token, digest: digestOf(token.token.reveal()) }));
  const users = new Map(file.users.map((user) => [user.name, user]));
  const decoy = decoyHash(file.users);
  const requests = file.rateLimit === undefined ? undefined : new Buckets(file.rateLimit);
  const nobody = anonymous(grantsOfNobody(file, openTo));

  function byToken(authorization: string, text: string): Caller | undefined {
    const digest = digestOf(text);
    let found: Caller | undefined;
    // All are compared, so that the time does not tell at which one it ended.
    for (const token of tokens)
      if (timingSafeEqual(token.digest, digest)) found = { name: token.name, grants: token.grants };
    return found ?? (isIngestToken(authorization) ? { name: 'webhook', grants: ['ingest'] } : undefined);
  }

  async function byPassword(ask: Ask, name: string, password: string): Promise<Admission> {
    const user = users.get(name);
    const hash = user?.hash.reveal() ?? decoy;
    const caller: Caller = { name: user?.name ?? 'anonymous', grants: user?.grants ?? [] };
    if (user !== undefined && known.has(name, password, hash, nowMs())) return admission(caller, ask.role);
    const key = name.slice(0, 100);
    // In this order: an address that has to wait anyway must not use up the attempts of the user as well.
    const waitMs = byAddress.take(ask.remote, nowMs()) || byUser.take(key, nowMs());
    if (waitMs > 0) return limited(waitMs);
    const fits = Buffer.byteLength(password) <= LONGEST_PASSWORD_BYTES;
    const isRight = await passwords.isRight(fits ? password : '', hash);
    if (isRight === undefined) return limited(1_000);
    if (!isRight || !fits || user === undefined) return { kind: 'refused', refusal: 'wrong', caller: nobody };
    byAddress.giveBack(ask.remote, nowMs());
    byUser.giveBack(key, nowMs());
    known.add(name, password, hash, nowMs());
    return admission(caller, ask.role);
  }

  /** Health is open; who sends credentials along sees more, but no health check pays for a hash. */
  function forHealth(authorization: string | undefined): Caller {
    const token = bearerOf(authorization);
    const basic = basicOf(authorization);
    const user = basic === undefined ? undefined : users.get(basic.name);
    if (user !== undefined && known.has(basic!.name, basic!.password, user.hash.reveal(), nowMs()))
      return { name: user.name, grants: user.grants };
    return (token === undefined ? undefined : byToken(authorization!, token)) ?? nobody;
  }

  return {
    async admit(ask) {
      const { authorization, role } = ask;
      if (role === 'none') return admission(forHealth(authorization), role);
      const busyMs = requests?.take('all', nowMs()) ?? 0;
      if (busyMs > 0)
        return { kind: 'refused', refusal: 'busy', caller: nobody, retryAfterSeconds: busyMs / 1000 };
      if (authorization === undefined) {
        const open = admission(nobody, role);
        return open.kind === 'admitted' ? open : { ...open, refusal: 'missing' };
      }
      const token = bearerOf(authorization);
      if (token !== undefined) {
        const caller = byToken(authorization, token);
        return caller === undefined
          ? { kind: 'refused', refusal: 'wrong', caller: nobody }
          : admission(caller, role);
      }
      const basic = basicOf(authorization);
      if (basic !== undefined) return byPassword(ask, basic.name, basic.password);
      return { kind: 'refused', refusal: 'wrong', caller: nobody };
    },
  };
}

function grantsOfNobody(file: WebFile, openTo: readonly Grant[]): readonly Grant[] {
  if (!hasCredentials(file)) return openTo;
  // A client that had to show its certificate is known well enough to read.
  return file.users.length + file.tokens.length === 0 ? ['read'] : [];
}

function limited(waitMs: number): Admission {
  return { kind: 'refused', refusal: 'limited', caller: anonymous([]), retryAfterSeconds: waitMs / 1000 };
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
}

function basicOf(authorization: string | undefined): { name: string; password: string } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** Unknown users cost the same time as known ones, or the time would tell who exists. */
function decoyHash(users: readonly WebUser[]): string {
  const costs = users.map(({ hash }) => Number(hash.reveal().slice(4, 6)));
  const cost = String(Math.max(4, ...costs)).padStart(2, '0');
  return `$2b$${cost}$${'.'.repeat(21)}u${'.'.repeat(31)}`;
}
