/** Owns the keys of the sections `source` and `store`, and the rule that something must be watched. */
import { z } from 'zod';
import { parseDatabaseUrl } from './database-url.js';
import { isMap, optional, type Refuse, refuseTo, text, whenMap } from './fields.js';
import { bad, good } from './problem.js';

const filePath = text((path) => {
  if (path.trim() === '') return bad('is empty', 'Name a file');
  if (path.includes('\0')) return bad('contains a NUL byte', 'Remove it');
  // Nobody expands ~ here: a directory of that name would be made beside the configuration.
  if (path.startsWith('~')) return bad('begins with ~', 'Write the path from /');
  // The file's name is shown in messages, so a connection string must not pass for one.
  if (/:\/\/|^postgres(ql)?:/.test(path))
    return bad('is a URL, not a file', 'Write it under url, or name a file');
  return good(path);
});

const urlField = (meaning: string, absent: string, env: string) =>
  optional(
    {
      meaning,
      example: 'postgres://flowgauge@127.0.0.1:5432/app',
      bounds: 'postgres:// or postgresql://',
      absent,
      env,
    },
    parseDatabaseUrl,
  );

const urlFileField = (meaning: string, env: string) =>
  optional(
    {
      meaning: `${meaning} A path that is not absolute begins at the configuration file.`,
      example: '/run/secrets/dsn',
      bounds: 'one line; not readable by everyone',
      absent: 'no file',
      env,
    },
    filePath,
  );

/** The watched database. */
export const sourceSchema = z
  .strictObject({
    url: urlField('The database that is watched.', 'the embedded store', 'DATABASE_URL'),
    url_file: urlFileField('A file that holds the URL of the watched database.', 'DATABASE_URL_FILE'),
  })
  .superRefine((value, context) => atMostOne(value, refuseTo(context)), whenMap);

/** The database of our own tables. */
export const storeSchema = z
  .strictObject({
    url: urlField('The database for our own tables (schema `flowgauge`).', 'the source', 'STORE_URL'),
    url_file: urlFileField('A file that holds the URL of the store.', 'STORE_URL_FILE'),
    embedded: optional(
      {
        meaning:
          'A directory for a PostgreSQL that Flowgauge itself starts. Without a source it is watched as well. ' +
          'A path that is not absolute begins at the configuration file.',
        example: '/var/lib/flowgauge',
        absent: 'no embedded database',
      },
      filePath,
    ),
  })
  .superRefine((value, context) => atMostOne(value, refuseTo(context)), whenMap);

function atMostOne(section: object, refuse: Refuse): void {
  const given = Object.keys(section).filter((key) => section[key as keyof typeof section] !== undefined);
  if (given.length > 1) refuse([], `has ${given.join(' and ')} at once`, 'Keep one of them');
}

/** Refuses a configuration without a database to watch. Takes both sections as read, or raw where refused. */
export function checkSource(from: unknown, into: unknown, refuse: Refuse): void {
  if (!isMap(from) || !isMap(into)) return;
  if ('url' in from || 'url_file' in from || 'embedded' in into) return;
  refuse(
    ['source'],
    'names no database to watch',
    'Set DATABASE_URL in the environment, or write source.url_file, or use store.embedded to try it out',
  );
}
