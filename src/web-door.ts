/** Owns the door of the running exporter: the web configuration file in force, read again when it changes, never opened by a broken one. */
import { createHash } from 'node:crypto';
import { type Access, openAccess, REFUSALS } from './access/access.js';
import { type GuardedOptions, guardedAccess, newPasswordMemory } from './access/guarded.js';
import { passwordCheck } from './access/password-check.js';
import type { Grant } from './access/role.js';
import { isLoopback } from './config/listen-address.js';
import { ConfigError } from './config/problem.js';
import type { ValidConfig } from './config/valid-config.js';
import { exposures } from './config/web-exposure.js';
import { loadWebFile, type WebFile } from './config/web-file.js';
import type { TlsSettings } from './config/web-tls.js';
import type { Metrics } from './metrics/registry.js';
import type { ReloadSeries } from './metrics/reload-series.js';
import type { Job } from './resilience/job.js';
import type { RootLogger } from './telemetry/logger.js';

/** The web configuration file is looked at this often. */
const LOOK_EVERY_MS = 5_000;

/** What a reload of this file alone came to. */
export type WebReload =
  | { readonly kind: 'taken' | 'unchanged' | 'nothing to read' }
  | { readonly kind: 'refused'; readonly message: string };

/** The file as it was just read; it is in force once it is taken. */
export type WebReading =
  | { readonly kind: 'good'; take(): 'taken' | 'unchanged' }
  | { readonly kind: 'nothing to read' }
  | { readonly kind: 'refused'; readonly message: string };

/** The door. */
export interface WebDoor {
  readonly access: Access;
  /** Headers that the operator adds to each answer. */
  headers(): Readonly<Record<string, string>>;
  /** Undefined without TLS. */
  tls(): TlsSettings | undefined;
  /** Reads the file again, now, and puts nothing in force. Never throws. */
  read(): WebReading;
  /** Reads the file again, now, and takes it when it is good. Never throws. */
  reload(): WebReload;
  /** Calls back with each change of `tls_server_config` and of the files that it names. */
  onTls(renew: (tls: TlsSettings) => void): void;
  jobs(): readonly Job[];
  close(): Promise<void>;
}

/** What the door needs. */
export interface WebDoorOptions {
  readonly web: ValidConfig['web'];
  readonly metrics: Metrics;
  readonly series: ReloadSeries;
  readonly log: RootLogger;
  /** Whether alerts come with this token; undefined when the intake has no token of its own. */
  readonly isIngestToken: ((authorization: string | undefined) => boolean) | undefined;
  readonly nowMs: () => number;
}

/** Opens the door. The file was checked with the configuration; throws ConfigError when it was broken since. */
export function openDoor(options: WebDoorOptions): WebDoor {
  const { web, metrics, series, log, isIngestToken } = options;
  const logger = log.named('web');
  const passwords = passwordCheck();
  const memory = newPasswordMemory();
  // Whoever can send from another machine must show something before an alert of theirs reaches people.
  const mayBringAlerts = isIngestToken === undefined && isLoopback(web.listenAddress.host);
  const openTo: readonly Grant[] = mayBringAlerts ? ['read', 'ingest'] : ['read'];
  const guard = (file: WebFile): Access =>
    guardedAccess({ ...options, file, passwords, memory, openTo } satisfies GuardedOptions);
  let inForce: { file: WebFile; digest: string; access: Access } | undefined;
  let renew: (tls: TlsSettings) => void = () => {};

  function take(file: WebFile): void {
    for (const { hash } of file.users) log.protect(hash.reveal());
    for (const { token } of file.tokens) log.protect(token.reveal());
    inForce = { file, digest: digestOf(file), access: guard(file) };
    if (file.users.length > 0) passwords.begin();
    if (file.tls !== undefined) metrics.tlsExpiry.set({}, file.tls.expiresAtMs / 1000);
  }

  function refusal(file: WebFile): string | undefined {
    const [first] = exposures(
      {
        listen_address: web.listenAddress,
        allow_anonymous_remote: web.allowAnonymousRemote,
        enable_admin_api: web.adminApi,
      },
      file,
    );
    if (first !== undefined) return `${first.path} ${first.what}. ${first.remedy}.`;
    const old = inForce?.file.tls;
    if ((old === undefined) !== (file.tls === undefined) || old?.clients !== file.tls?.clients)
      return 'Whether TLS is spoken, and whether clients show certificates, changes with a restart only.';
    return undefined;
  }

  function takeIfChanged(file: WebFile): 'taken' | 'unchanged' {
    if (digestOf(file) === inForce?.digest) return 'unchanged';
    // Other users or headers are no reason to end connections.
    const isSameTls = JSON.stringify(file.tls) === JSON.stringify(inForce?.file.tls);
    take(file);
    if (file.tls !== undefined && !isSameTls) renew(file.tls);
    series.taken();
    logger.info('the web configuration was taken');
    return 'taken';
  }

  function readAgain(path: string): WebReading {
    try {
      const file = loadWebFile(path);
      const message = refusal(file);
      if (message !== undefined) return { kind: 'refused', message };
      return { kind: 'good', take: () => takeIfChanged(file) };
    } catch (error) {
      const message = error instanceof ConfigError ? error.message : 'The file cannot be read.';
      return { kind: 'refused', message };
    }
  }

  function readAndTell(): WebReading {
    if (web.configFile === undefined) return { kind: 'nothing to read' };
    const read = readAgain(web.configFile);
    series.read('web configuration', read.kind === 'refused' ? 'refused' : 'good');
    if (read.kind === 'refused')
      logger.error('the web configuration was refused; the one before stays in force', { why: read.message });
    return read;
  }

  function reload(): WebReload {
    const read = readAndTell();
    return read.kind === 'good' ? { kind: read.take() } : read;
  }

  for (const reason of [...REFUSALS, 'host', 'origin']) metrics.accessRefused.inc({ reason }, 0);
  const everybody = openAccess((authorization) => isIngestToken?.(authorization) ?? mayBringAlerts);
  if (web.configFile !== undefined) take(loadWebFile(web.configFile));
  return {
    access: { admit: (ask) => (inForce?.access ?? everybody).admit(ask) },
    headers: () => inForce?.file.headers ?? {},
    tls: () => inForce?.file.tls,
    read: readAndTell,
    reload,
    onTls(next) {
      renew = next;
    },
    jobs: () => (web.configFile === undefined ? [] : [lookJob(reload)]),
    close: () => passwords.close(),
  };
}

function lookJob(look: () => unknown): Job {
  return {
    name: 'web_config',
    intervalMs: LOOK_EVERY_MS,
    deadlineMs: 10_000,
    run: async () => void look(),
  };
}

/** Of everything that the file says and names, secrets included: a new certificate changes nothing else. */
function digestOf({ tls, headers, users, tokens, rateLimit }: WebFile): string {
  const parts = [
    tls,
    headers,
    users.map(({ name, hash, grants }) => [name, hash.reveal(), grants]),
    tokens.map(({ name, token, grants }) => [name, token.reveal(), grants]),
    rateLimit,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
