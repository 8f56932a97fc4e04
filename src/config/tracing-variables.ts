/** Owns the answer to one question: do the standard `OTEL_*` variables ask for traces? */
import type { Environment } from './environment.js';
import { Secret } from './secret.js';

/** `off` says why, for the log, and whether traces were asked for in a way that cannot be met. `on` names the values that must never be written anywhere. */
export type TracingConfig =
  | { readonly kind: 'off'; readonly why: string; readonly isMistake: boolean }
  | { readonly kind: 'on'; readonly secrets: readonly Secret[] };

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const;
const PROTOCOLS = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'] as const;
const HEADERS = ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'] as const;

/**
 * On when an OTLP endpoint is named, or `OTEL_TRACES_EXPORTER=otlp` asks for the default one. Off under
 * `OTEL_SDK_DISABLED=true` and `OTEL_TRACES_EXPORTER=none`. Never an error: these variables are often set for a whole
 * cluster, and none of them may keep the exporter from starting.
 */
export function readTracing(env: Environment): TracingConfig {
  const value = (name: string): string => env[name]?.trim() ?? '';
  if (value('OTEL_SDK_DISABLED').toLowerCase() === 'true') return off('OTEL_SDK_DISABLED is true');
  const exporters = value('OTEL_TRACES_EXPORTER').toLowerCase().split(',');
  if (exporters.includes('none')) return off('OTEL_TRACES_EXPORTER is none');
  // Others print to standard output, which belongs to the log, or need packages of their own.
  const unknown = exporters.find((name) => name !== '' && name.trim() !== 'otlp');
  if (unknown !== undefined) return mistake('OTEL_TRACES_EXPORTER must be otlp or none');
  const endpoint = ENDPOINTS.find((name) => value(name) !== '');
  if (endpoint === undefined) {
    return exporters.includes('otlp') ? on(env) : off('no OTEL_EXPORTER_OTLP_ENDPOINT is set');
  }
  const isUrl = URL.canParse(value(endpoint)) && /^https?:/.test(value(endpoint));
  const isGrpc = PROTOCOLS.some((name) => value(name) === 'grpc');
  return isUrl || isGrpc ? on(env) : mistake(`${endpoint} is not a URL; write http://HOST:4318`);
}

function off(why: string): TracingConfig {
  return { kind: 'off', why, isMistake: false };
}

function mistake(why: string): TracingConfig {
  return { kind: 'off', why, isMistake: true };
}

function on(env: Environment): TracingConfig {
  const headers = HEADERS.flatMap((name) => (env[name] ?? '').split(','));
  const values = headers.map((pair) => pair.slice(pair.indexOf('=') + 1).trim());
  const passwords = ENDPOINTS.map((name) => env[name]?.trim() ?? '').filter(hasPassword);
  const secrets = [...values.flatMap(bothSpellings), ...passwords].filter((one) => one !== '');
  return { kind: 'on', secrets: secrets.map((one) => new Secret(one)) };
}

function hasPassword(url: string): boolean {
  return URL.canParse(url) && new URL(url).password !== '';
}

/** Header values are percent-encoded in the variable and plain on the wire; `Bearer TOKEN` also leaks by its token. */
function bothSpellings(value: string): readonly string[] {
  let plain = value;
  try {
    plain = decodeURIComponent(value);
  } catch {
    // Not encoded after all.
  }
  return [value, plain, ...plain.split(' ').slice(1)];
}
