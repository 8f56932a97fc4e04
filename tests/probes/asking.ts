/** Owns the way from a piece of configuration to a probe that can be asked, as the exporter goes it. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '../../src/config/load.js';
import { readSecretFile } from '../../src/config/secret-file.js';
import { probeSpecOf } from '../../src/probes/build.js';
import { type Resolve, systemResolve } from '../../src/probes/dial.js';
import { createProbe, type Probe, type ProbeOutcome } from '../../src/probes/probe.js';

/** Loopback may be asked unless a test is about that. */
const LOOPBACK = 'allow_networks: [127.0.0.0/8, "::1"]';

/** The one probe of `keys`, for example `kind: http, url: "http://…"`. */
export function probeOf(
  keys: string,
  options: { readonly networks?: string; readonly directory?: string; readonly resolve?: Resolve } = {},
): Probe {
  const networks = options.networks ?? LOOPBACK;
  const text = `probes: {${networks === '' ? '' : `${networks}, `}one: {${keys}}}`;
  const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
  const { probes } = parseConfig(text, { env, directory: options.directory ?? '.' });
  const net = { allowed: probes.allowNetworks, resolve: options.resolve ?? systemResolve() };
  const spec = probeSpecOf(probes.targets[0]!, { net, readSecret: readSecretFile });
  return createProbe(spec, () => performance.now());
}

/** Asks once, without being ended from outside. */
export function ask(probe: Probe): Promise<ProbeOutcome> {
  return probe.run(new AbortController().signal);
}

/** `ok`, or the reason and the message of a failure. */
export function said(outcome: ProbeOutcome): string {
  return outcome.success ? 'ok' : `${outcome.reason}: ${outcome.message}`;
}

/** Writes a secret that only its owner can read and answers its path. */
export function writeSecret(directory: string, name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, `${text}\n`);
  chmodSync(path, 0o600);
  return path;
}
