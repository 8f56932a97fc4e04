/** Owns the spans of database calls: the name says what was asked, never the query with its values. */
import type { Tracing } from './tracing.js';

/** A call as the database names it; `label` is `host:port/database`. */
interface NamedCall {
  readonly role: string;
  readonly label: string;
  readonly name: string;
}

/** Runs around each call of a database; undefined when tracing is off, so that calls stay as cheap as they are. */
export function databaseSpans(
  tracing: Pick<Tracing, 'isOn' | 'span'>,
): (<T>(call: NamedCall, work: () => Promise<T>) => Promise<T>) | undefined {
  if (!tracing.isOn) return undefined;
  return ({ role, label, name }, work) => {
    const [, host = label, port = '', database = ''] = /^(.*):(\d+)\/(.*)$/.exec(label) ?? [];
    const attributes = {
      'db.system.name': 'postgresql',
      'db.operation.name': name,
      'db.namespace': database,
      'server.address': host,
      'server.port': Number(port),
    };
    return tracing.span({ name: `${role} ${name}`, kind: 'client', attributes }, work);
  };
}
