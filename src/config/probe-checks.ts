/** Owns the rules between the keys of one probe, and for the names of probes. */
import { isMap, type Refuse } from './fields.js';
import { probeUrlProblem } from './probe-url.js';

/** Most probes of one exporter. */
export const MAX_PROBES = 100;
/** Every name that a probe may not have, and why. */
const TAKEN: Readonly<Record<string, string>> = { source: 'the source', store: 'the store' };

const WEB_KEYS = ['header_files', 'bearer_token_file', 'ca_file'];
const HTTP_KEYS = ['method', 'expect_status', 'body_contains', 'body_matches', 'redirects'];
/** Keys beside kind, interval and timeout. One of each inner list of `needs` must be there. */
const KEYS_OF: Readonly<Record<string, { needs: readonly string[][]; may: readonly string[] }>> = {
  postgres: { needs: [['url', 'url_file']], may: [] },
  redis: { needs: [['url']], may: ['username', 'password_file', 'ca_file'] },
  http: { needs: [['url']], may: [...HTTP_KEYS, ...WEB_KEYS] },
  telegram: { needs: [['token_file']], may: ['url', 'ca_file'] },
  alertmanager: { needs: [['url']], may: WEB_KEYS },
  prometheus: { needs: [['url']], may: WEB_KEYS },
};

/** Refuses names that cannot be labels, and those of the probes that are there anyway. */
export function checkProbeNames(value: Readonly<Record<string, unknown>>, refuse: Refuse): void {
  const names = Object.keys(value).filter((key) => key !== 'allow_networks');
  if (names.length > MAX_PROBES) refuse([], `has more than ${MAX_PROBES} probes`, 'Run a second exporter');
  for (const name of names) {
    if (!/^[a-z][a-z0-9_]{0,39}$/.test(name)) {
      refuse(
        [name],
        'is not the name of a probe',
        'Use 1 to 40 lower-case letters, digits and underscores, beginning with a letter',
      );
    }
    if (Object.hasOwn(TAKEN, name)) {
      refuse(
        [name],
        `is the name of the probe of ${TAKEN[name]}, which is there anyway`,
        'Choose another name',
      );
    }
  }
}

/** Refuses what does not fit together in one probe. Takes the keys as read, or raw where refused. */
export function checkProbe(value: Readonly<Record<string, unknown>>, refuse: Refuse): void {
  const kind = typeof value.kind === 'string' ? value.kind : '';
  const keys = Object.hasOwn(KEYS_OF, kind) ? KEYS_OF[kind] : undefined;
  if (keys === undefined) return;
  const known = ['kind', 'interval', 'timeout', ...keys.needs.flat(), ...keys.may];
  const given = Object.keys(value).filter((key) => value[key] !== undefined);
  for (const key of given) {
    if (!known.includes(key)) refuse([key], `does not belong to kind ${kind}`, 'Remove it');
  }
  for (const choice of keys.needs) {
    const chosen = choice.filter((key) => given.includes(key));
    if (chosen.length === 0) refuse([choice[0]!], 'is missing', `Kind ${kind} needs ${choice.join(' or ')}`);
    if (chosen.length > 1) refuse([], `has ${chosen.join(' and ')} at once`, 'Keep one of them');
  }
  const url = typeof value.url === 'string' ? probeUrlProblem(kind, value.url) : undefined;
  if (url !== undefined) refuse(['url'], url.what, url.remedy);
  if (
    typeof value.timeout === 'number' &&
    typeof value.interval === 'number' &&
    value.timeout > value.interval
  ) {
    refuse(['timeout'], 'is longer than the interval', 'Shorten it, or lengthen the interval');
  }
  if (value.method === 'HEAD') {
    for (const key of ['body_contains', 'body_matches']) {
      if (given.includes(key)) refuse([key], 'cannot be seen with method HEAD', 'Use GET, or remove it');
    }
  }
  if (isMap(value.header_files)) checkHeaders(value.header_files, given, refuse);
}

/** Headers that the request itself needs. */
const OWN_HEADERS = [
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'accept-encoding',
  'upgrade',
  'expect',
];

function checkHeaders(
  headers: Readonly<Record<string, unknown>>,
  given: readonly string[],
  refuse: Refuse,
): void {
  for (const name of Object.keys(headers)) {
    const lower = name.toLowerCase();
    if (!/^[a-z0-9][a-z0-9-]{0,60}$/.test(lower)) {
      refuse(['header_files', name], 'is not the name of a header', 'Use letters, digits and -');
    }
    if (OWN_HEADERS.includes(lower)) {
      refuse(['header_files', name], 'is set by the request itself', 'Remove it');
    }
    if (lower === 'authorization' && given.includes('bearer_token_file')) {
      refuse(['header_files', name], 'is set by bearer_token_file already', 'Keep one of them');
    }
  }
}
