/** Owns the keys of the section `probes`, and which of them belong to which kind of service. */
import { z } from 'zod';
import {
  count,
  defaulted,
  documented,
  duration,
  list,
  oneOf,
  optional,
  refuseTo,
  required,
  text,
  whenMap,
} from './fields.js';
import { parseNetwork } from './networks.js';
import { checkProbe, checkProbeNames, MAX_PROBES } from './probe-checks.js';
import { PROBE_KINDS } from './probe-url.js';
import { bad, good, type Parsed } from './problem.js';

const MAX_NETWORKS = 64;
const filePath = text((path) => {
  if (path.trim() === '') return bad('is empty', 'Name a file');
  if (path.includes('\0')) return bad('contains a NUL byte', 'Remove it');
  if (path.startsWith('~')) return bad('begins with ~', 'Write the path from /');
  return good(path);
});

const file = (meaning: string, example: string) =>
  optional(
    {
      meaning: `${meaning} A path that is not absolute begins at the configuration file.`,
      example,
      bounds: 'one line; not readable by everyone; read anew for each run',
      absent: 'no file',
    },
    filePath,
  );

const plainText = (max: number) =>
  text((value) => {
    if (value === '') return bad('is empty', 'Write the text, or remove the key');
    if (value.length > max) return bad(`is longer than ${max} characters`, 'Write less of it');
    return good(value);
  });

const headerFilesDoc = {
  meaning: 'Headers to send, each with the file that holds its value.',
  example: '{x-api-key: /run/secrets/search_key}',
  bounds: 'http, alertmanager, prometheus; only sent to the origin of url',
  absent: 'none',
};

const probeSchema = z
  .strictObject({
    kind: required(
      { meaning: 'What is asked, and how.', example: 'http', bounds: PROBE_KINDS.join(', ') },
      oneOf(PROBE_KINDS),
    ),
    url: optional(
      {
        meaning: 'The address. Its path and query are never shown; users and passwords go into files.',
        example: 'https://search.example.org/health',
        bounds: 'http(s)://, redis(s)://HOST:PORT or postgres://, by the kind',
        absent: 'required but for telegram (https://api.telegram.org) and postgres with url_file',
      },
      text<string>((value) =>
        value.trim() === '' ? bad('is empty', 'Write the address') : good(value.trim()),
      ),
    ),
    url_file: optional(
      {
        meaning: 'A file that holds the URL of the database. It is read at the start.',
        example: '/run/secrets/orders_dsn',
        bounds: 'postgres; one line; not readable by everyone',
        absent: 'no file',
      },
      filePath,
    ),
    interval: defaulted(
      {
        meaning: 'From one run to the next, give or take a tenth.',
        example: '30s',
        bounds: '1s to 1d',
        default: '15s',
      },
      duration('1s', '1d'),
    ),
    timeout: defaulted(
      {
        meaning: 'Time for the whole answer, look-up of the name included.',
        example: '2s',
        bounds: '100ms to 1m, not above the interval',
        default: '5s',
      },
      duration('100ms', '1m'),
    ),
    username: optional(
      { meaning: 'Account for AUTH.', example: 'monitor', bounds: 'redis', absent: 'the default account' },
      plainText(200),
    ),
    password_file: file('redis: a file with the password for AUTH.', '/run/secrets/redis'),
    token_file: file('telegram: a file with the token of the bot.', '/run/secrets/telegram_token'),
    bearer_token_file: file(
      'http, alertmanager, prometheus: a file with a token, sent as `Authorization: Bearer …`.',
      '/run/secrets/search_token',
    ),
    header_files: documented(
      z
        .record(
          z.string(),
          documented(z.unknown().transform(readFile), {
            ...headerFilesDoc,
            example: '/run/secrets/search_key',
            meaning: 'A file with the value of this header.',
          }),
        )
        .optional(),
      headerFilesDoc,
    ),
    ca_file: optional(
      {
        meaning: 'A file with the authorities (PEM) to trust instead of those of the system.',
        example: '/etc/ssl/our-ca.pem',
        bounds: 'all kinds but postgres (there: sslrootcert in the URL)',
        absent: 'the authorities of the system',
      },
      filePath,
    ),
    method: optional(
      { meaning: 'How http asks.', example: 'HEAD', bounds: 'http: GET or HEAD', absent: 'GET' },
      oneOf(['GET', 'HEAD']),
    ),
    expect_status: documented(
      list({ meaning: 'A status.', example: '204' }, count(100, 599), 20).optional(),
      { meaning: 'Statuses that are good.', example: '[200, 204]', bounds: 'http', absent: 'every 2xx' },
    ),
    body_contains: optional(
      {
        meaning: 'Text that the first 64 KiB of the body must contain.',
        example: '"status":"available"',
        bounds: 'http with GET; at most 1000 characters',
        absent: 'any body',
      },
      plainText(1000),
    ),
    body_matches: optional(
      {
        meaning: 'Regular expression (JavaScript, flag u) that must match in the first 64 KiB of the body.',
        example: '"status": ?"(ok|available)"',
        bounds: 'http with GET; at most 1000 characters',
        absent: 'any body',
      },
      text((value) => pattern(value)),
    ),
    redirects: optional(
      {
        meaning: 'Redirects that are followed; the address of each is checked like the first.',
        example: '1',
        bounds: 'http: 0 to 3',
        absent: '0',
      },
      count(0, 3),
    ),
  })
  .superRefine((value, context) => checkProbe(value, refuseTo(context)), whenMap);

/** The whole section: the networks, and every other key is the name of a probe. */
export const probesSchema = z
  .strictObject({
    allow_networks: documented(
      list({ meaning: 'A network.', example: '127.0.0.0/8' }, text(readNetwork), MAX_NETWORKS).optional(),
      {
        meaning:
          'Networks that are not public (loopback, private, link-local) and may be asked all the same; without them nothing is sent there.',
        example: '[127.0.0.0/8, 10.20.0.0/16]',
        bounds: `1 to ${MAX_NETWORKS} networks; prefixes from /8 for IPv4, /7 for IPv6`,
        absent: 'public addresses only',
      },
    ),
  })
  .catchall(
    documented(probeSchema, {
      meaning: 'One service, by the name that becomes the label `probe`.',
      example: '{kind: http, url: "https://search.example.org/health"}',
      bounds: `at most ${MAX_PROBES}; source and store are asked without being named`,
    }),
  )
  .superRefine((value, context) => checkProbeNames(value, refuseTo(context)), whenMap);

function readFile(raw: unknown, context: z.core.$RefinementCtx<unknown>): string {
  const read = raw === null || raw === undefined ? bad('is empty', 'Name a file') : filePath(raw);
  if (read.ok) return read.value;
  context.addIssue({ code: 'custom', message: read.what, params: { remedy: read.remedy } });
  return z.NEVER;
}

function readNetwork(value: string): Parsed<string> {
  const network = parseNetwork(value);
  const remedy = 'Write for example 10.20.0.0/16, 127.0.0.1 or fd00::/8';
  if (network === undefined) return bad('is not a network', remedy);
  // A list that lets everything in would let in the metadata service of the cloud too.
  const least = network.bytes.length === 4 ? 8 : 7;
  return network.prefix < least ? bad(`is wider than /${least}`, remedy) : good(value);
}

function pattern(value: string): Parsed<string> {
  if (value === '' || value.length > 1000)
    return bad('is empty or longer than 1000 characters', 'Write a short pattern');
  try {
    new RegExp(value, 'u');
    return good(value);
  } catch {
    return bad('is not a regular expression', 'Correct it; brackets and slashes need a backslash in front');
  }
}
