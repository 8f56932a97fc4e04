/** Owns what a log line tells of an error: an allow-list, because drivers hang queries and row values on their errors. */

/** An error as plain fields. `code` only when it is a text or a number; `cause` and `errors` down to 5 levels. */
export interface ErrorFields {
  readonly type: string;
  readonly code?: string | number;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: ErrorFields | string;
  readonly errors?: readonly (ErrorFields | string)[];
}

const MAX_DEPTH = 5;
const MAX_ERRORS = 5;

/** The fields of an error; a chain of causes that bites its tail ends at the depth limit. */
export function errorFields(error: Error): ErrorFields {
  return fieldsOf(error, 1);
}

function fieldsOf(error: Error, depth: number): ErrorFields {
  const { name, message, stack, cause } = error;
  const code = (error as { code?: unknown }).code;
  const inner = depth < MAX_DEPTH;
  return {
    type: name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message,
    ...(stack === undefined ? {} : { stack }),
    ...(inner && cause !== undefined ? { cause: described(cause, depth) } : {}),
    ...(inner && error instanceof AggregateError
      ? { errors: error.errors.slice(0, MAX_ERRORS).map((one) => described(one, depth)) }
      : {}),
  };
}

function described(thrown: unknown, depth: number): ErrorFields | string {
  return thrown instanceof Error ? fieldsOf(thrown, depth + 1) : `non-error thrown: ${typeof thrown}`;
}
