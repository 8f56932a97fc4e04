/** Checks which of the standard tracing variables switch traces on, and that their secrets are known as such. */
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { readTracing } from '../../src/config/tracing-variables.js';

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

test.each([
  [{}],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }],
  [{ ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }],
  [{ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }],
  [{ OTEL_SERVICE_NAME: 'x' }],
])('%j is off, and nobody is warned', (env) => {
  expect(readTracing(env)).toMatchObject({ kind: 'off', isMistake: false });
});

test.each([
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' },
    'OTEL_EXPORTER_OTLP_ENDPOINT is not a URL; write http://HOST:4318',
  ],
  [{ ...endpoint, OTEL_TRACES_EXPORTER: 'console' }, 'OTEL_TRACES_EXPORTER must be otlp or none'],
])('%j is off with a warning: %s', (env, why) => {
  expect(readTracing(env)).toEqual({ kind: 'off', why, isMistake: true });
});

test.each([
  [endpoint],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector/v1/traces' }],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }],
])('%j is on', (env) => {
  expect(readTracing(env)).toEqual({ kind: 'on', secrets: [] });
});

test('header values are secrets, as written and as sent, and appear in no dump of the configuration', () => {
  const env = {
    ...endpoint,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20t0psecret,x-team=blue',
    DATABASE_URL: 'postgres://u@localhost/x',
  };
  const { tracing } = parseConfig('', { env });
  expect(tracing.kind === 'on' && tracing.secrets.map((one) => one.reveal())).toEqual([
    'Bearer%20t0psecret',
    'Bearer t0psecret',
    't0psecret',
    'blue',
    'blue',
  ]);
  expect(JSON.stringify(tracing)).not.toContain('t0psecret');
});

test('a wrong variable never keeps the exporter from starting', () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: '::', DATABASE_URL: 'postgres://u@localhost/x' };
  expect(parseConfig('', { env }).tracing.kind).toBe('off');
});
