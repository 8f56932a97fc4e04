/** Owns the words for requests that do not come in. */
import type { Problem } from './problem.js';

/** Alerts without the token of the intake. */
export const TOKEN_REFUSED: Problem = {
  status: 401,
  title: 'Unauthorized',
  code: 'TOKEN_REFUSED',
  detail: 'the bearer token is missing or not the one of notifications.webhook_token_file',
  remedy: "name the same file in Alertmanager's http_config.authorization.credentials_file",
};

/** No credentials, or wrong ones; the two are not told apart. */
export const CREDENTIALS_REFUSED: Problem = {
  status: 401,
  title: 'Unauthorized',
  code: 'CREDENTIALS_REFUSED',
  detail: 'this page asks for credentials, and these are missing or wrong',
  remedy: 'send a user and password, or a bearer token, of the web configuration file',
};

/** Right credentials that may do less. */
export const ROLE_MISSING: Problem = {
  status: 403,
  title: 'Forbidden',
  code: 'ROLE_MISSING',
  detail: 'these credentials are right, but may not do this',
};

/** Too many wrong passwords. */
export const TOO_MANY_ATTEMPTS: Problem = {
  status: 429,
  title: 'Too Many Requests',
  code: 'TOO_MANY_ATTEMPTS',
  detail: 'too many wrong passwords came from this address or for this user',
  remedy: 'wait as long as Retry-After says',
};

/** More requests than `rate_limit` allows. */
export const TOO_MANY_REQUESTS: Problem = {
  status: 429,
  title: 'Too Many Requests',
  code: 'TOO_MANY_REQUESTS',
  detail: 'more requests came than the rate_limit of the web configuration file allows',
  remedy: 'wait as long as Retry-After says',
};

/** A name that is not ours. */
export const HOST_REFUSED: Problem = {
  status: 421,
  title: 'Misdirected Request',
  code: 'HOST_REFUSED',
  detail: 'the host name of this request is not one of this exporter, which listens for this machine only',
  remedy: 'ask by localhost or by address, or set web.external_url to the address that people use',
};

/** A page of another place. */
export const ORIGIN_REFUSED: Problem = {
  status: 403,
  title: 'Forbidden',
  code: 'ORIGIN_REFUSED',
  detail: 'the request was sent by a page of another place',
  remedy: 'send it with a program, or from a page of this exporter',
};
