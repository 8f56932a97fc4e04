/** Owns the checked configuration of the probes, and the step from the file's keys to it. */
import { resolve } from 'node:path';
import type { z } from 'zod';
import { type Network, parseNetwork } from './networks.js';
import { type ProbeKind, parseProbeUrl, shownTarget, TELEGRAM_API } from './probe-url.js';
import type { probesSchema } from './probes-schema.js';
import { Secret } from './secret.js';

interface Common<K extends ProbeKind> {
  readonly kind: K;
  /** The label `probe`. */
  readonly name: string;
  /** From the beginning of one run to that of the next. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** What all probes over HTTP have. File names are absolute paths. */
export interface HttpTargetConfig {
  /** A secret, because services take tokens in queries. */
  readonly url: Secret;
  /** Scheme, host and port. */
  readonly target: string;
  /** Lower-case name of a header to the file with its value. */
  readonly headerFiles: ReadonlyMap<string, string>;
  readonly bearerTokenFile: string | undefined;
  readonly caFile: string | undefined;
}

/** A PostgreSQL server beside source and store. */
export interface PostgresProbeConfig extends Common<'postgres'> {
  readonly url: Secret;
}

/** A Redis server. */
export interface RedisProbeConfig extends Common<'redis'> {
  readonly target: string;
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly username: string | undefined;
  readonly passwordFile: string | undefined;
  readonly caFile: string | undefined;
}

/** Any service over HTTP. */
export interface HttpProbeConfig extends Common<'http'>, HttpTargetConfig {
  readonly method: 'GET' | 'HEAD';
  /** Undefined: any 2xx. */
  readonly expectStatus: readonly number[] | undefined;
  readonly bodyContains: string | undefined;
  /** Source of a regular expression with the flag `u`. */
  readonly bodyMatches: string | undefined;
  readonly redirects: number;
}

/** A bot at Telegram's API. */
export interface TelegramProbeConfig extends Common<'telegram'>, HttpTargetConfig {
  readonly tokenFile: string;
}

/** Alertmanager or Prometheus. */
export interface ApiProbeConfig extends Common<'alertmanager' | 'prometheus'>, HttpTargetConfig {}

/** One service to ask. */
export type ProbeConfig =
  | PostgresProbeConfig
  | RedisProbeConfig
  | HttpProbeConfig
  | TelegramProbeConfig
  | ApiProbeConfig;

/** The whole section. */
export interface ProbesConfig {
  /** Networks that are not public and may be asked. */
  readonly allowNetworks: readonly Network[];
  readonly targets: readonly ProbeConfig[];
}

type Read = z.output<typeof probesSchema>;
type ReadProbe = Exclude<Read[string], readonly string[] | undefined>;

/** Builds the section from keys that were all accepted. `databaseUrls` holds what `url_file` of kind postgres names. */
export function probesOf(
  read: Read,
  directory: string,
  databaseUrls: ReadonlyMap<string, Secret>,
): ProbesConfig {
  const { allow_networks: networks, ...probes } = read;
  return {
    allowNetworks: (networks ?? []).map((text) => must(parseNetwork(text))),
    targets: Object.entries(probes).map(([name, probe]) =>
      probeOf(name, probe as ReadProbe, directory, databaseUrls.get(name)),
    ),
  };
}

function probeOf(
  name: string,
  read: ReadProbe,
  directory: string,
  fromFile: Secret | undefined,
): ProbeConfig {
  const common = { name, intervalMs: read.interval, timeoutMs: read.timeout };
  const path = (file: string | undefined) => (file === undefined ? undefined : resolve(directory, file));
  const text = read.url ?? (read.kind === 'telegram' ? TELEGRAM_API : '');
  const caFile = path(read.ca_file);
  if (read.kind === 'postgres') return { ...common, kind: read.kind, url: fromFile ?? new Secret(text) };
  const url = parseProbeUrl(read.kind, text);
  if (!url.ok) throw new TypeError(`probe ${name} passed the check with an address that ${url.what}`);
  const target = shownTarget(url.value);
  if (read.kind === 'redis') {
    const { hostname, port, protocol } = url.value;
    return {
      ...common,
      kind: read.kind,
      target,
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? 6379 : Number(port),
      isTls: protocol === 'rediss:',
      username: read.username,
      passwordFile: path(read.password_file),
      caFile,
    };
  }
  const headers = Object.entries(read.header_files ?? {});
  const http = {
    ...common,
    url: new Secret(text),
    target,
    headerFiles: new Map(headers.map(([header, file]) => [header.toLowerCase(), resolve(directory, file)])),
    bearerTokenFile: path(read.bearer_token_file),
    caFile,
  };
  if (read.kind === 'telegram') return { ...http, kind: read.kind, tokenFile: must(path(read.token_file)) };
  if (read.kind !== 'http') return { ...http, kind: read.kind };
  return {
    ...http,
    kind: read.kind,
    method: read.method ?? 'GET',
    expectStatus: read.expect_status,
    bodyContains: read.body_contains,
    bodyMatches: read.body_matches,
    redirects: read.redirects ?? 0,
  };
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('a probe passed the check without a key that it needs');
  return value;
}
