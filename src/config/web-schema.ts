/** Owns the keys of the sections `web` and `log`. */
import { z } from 'zod';
import { defaulted, flag, oneOf, optional, refuseTo, text, whenMap } from './fields.js';
import { isLoopback, parseListenAddress } from './listen-address.js';
import { bad, good } from './problem.js';
import { parseExternalUrl, parseTelemetryPath, TAKEN_PATHS } from './web-paths.js';

/** From the most talkative to the most silent. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** The web pages. */
export const webSchema = z
  .strictObject({
    listen_address: defaulted(
      {
        meaning: 'Where the web pages and /metrics are served.',
        example: '127.0.0.1:9877',
        bounds: 'HOST:PORT; port 0 takes a free one',
        default: '127.0.0.1:9877',
        env: 'FLOWGAUGE_WEB_LISTEN_ADDRESS',
        flag: 'web.listen-address',
        placeholder: 'HOST:PORT',
      },
      text(parseListenAddress),
    ),
    telemetry_path: defaulted(
      {
        meaning: 'The path that Prometheus scrapes.',
        example: '/metrics',
        bounds: `begins with /; neither / nor one of ${TAKEN_PATHS.join(' ')} or below it`,
        default: '/metrics',
        env: 'FLOWGAUGE_WEB_TELEMETRY_PATH',
        flag: 'web.telemetry-path',
        placeholder: 'PATH',
      },
      text(parseTelemetryPath),
    ),
    external_url: optional(
      {
        meaning: 'The address under which people reach this process; used in links.',
        example: 'https://flowgauge.example.org',
        bounds: 'http or https, without user, query and fragment',
        absent: 'the listen address',
        env: 'FLOWGAUGE_WEB_EXTERNAL_URL',
        flag: 'web.external-url',
        placeholder: 'URL',
      },
      text(parseExternalUrl),
    ),
    allow_anonymous_remote: defaulted(
      {
        meaning:
          'Whether other machines may read the pages without credentials; a remote listen address needs it.',
        example: 'true',
        bounds: 'true or false',
        default: 'false',
        env: 'FLOWGAUGE_WEB_ALLOW_ANONYMOUS_REMOTE',
      },
      flag(),
    ),
    config_file: optional(
      {
        meaning:
          'The web configuration file: TLS, users, tokens, roles and limits, with the keys of Prometheus’ exporters. Read again when it changes.',
        example: '/etc/flowgauge/web.yml',
        env: 'FLOWGAUGE_WEB_CONFIG_FILE',
        flag: 'web.config.file',
        placeholder: 'FILE',
      },
      text((value) => (value === '' ? bad('is empty', 'Name a file, or remove the key') : good(value))),
    ),
    enable_admin_api: defaulted(
      {
        meaning:
          'Whether the routes exist that change something: /admin and /-/reload. Needs credentials with the role admin.',
        example: 'true',
        bounds: 'true or false',
        default: 'false',
        env: 'FLOWGAUGE_WEB_ENABLE_ADMIN_API',
        flag: 'web.enable-admin-api',
        placeholder: 'BOOL',
      },
      flag(),
    ),
  })
  .superRefine((value, context) => {
    const host = (value.listen_address as { host?: unknown } | undefined)?.host;
    if (value.enable_admin_api === true && value.config_file === undefined)
      refuseTo(context)(
        ['enable_admin_api'],
        'opens routes for which nobody has credentials',
        'Name a web.config_file with a user or token of the role admin',
      );
    if (typeof host !== 'string' || isLoopback(host) || value.allow_anonymous_remote !== false) return;
    // Whether that file asks for credentials is looked at when it is read.
    if (value.config_file !== undefined) return;
    refuseTo(context)(
      ['listen_address'],
      'can be reached from other machines, and no credentials protect it',
      'Listen on 127.0.0.1, name a web.config_file with users or tokens, or set web.allow_anonymous_remote: true when the network itself is closed',
    );
  }, whenMap);

/** The log. */
export const logSchema = z.strictObject({
  level: defaulted(
    {
      meaning: 'The least important event that is logged.',
      example: 'debug',
      bounds: LOG_LEVELS.join(', '),
      default: 'info',
      env: 'FLOWGAUGE_LOG_LEVEL',
      flag: 'log.level',
      placeholder: 'LEVEL',
    },
    oneOf(LOG_LEVELS),
  ),
});
