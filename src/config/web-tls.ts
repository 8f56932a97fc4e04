/** Owns `tls_server_config`: its keys with Go's names, read into what Node.js takes, and tried out before use. */
import { X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { flag, oneOf, type Reader, text } from './fields.js';
import { bad, good, type Parsed } from './problem.js';
import { readRegularFile } from './regular-file.js';
import { readSecretFile } from './secret-file.js';
import type { WebSection } from './web-section.js';

/** How to speak TLS. */
export interface TlsSettings {
  /** Holds the private key: never to be logged. */
  readonly context: SecureContextOptions;
  /** Whether clients must show a certificate of our authorities. */
  readonly clients: 'none' | 'required';
  /** Names of which a client's certificate must have one; empty for any. */
  readonly allowedNames: readonly string[];
  /** Moment at which our certificate ends, milliseconds. */
  readonly expiresAtMs: number;
}

const VERSIONS = { TLS10: 'TLSv1.2', TLS11: 'TLSv1.2', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;
const CURVES: Readonly<Record<string, string>> = {
  CurveP256: 'P-256',
  CurveP384: 'P-384',
  CurveP521: 'P-521',
  X25519: 'X25519',
};
/** Go's suites of TLS 1.2 that are not weak, by OpenSSL's names; those of 1.3 cannot be chosen there either. */
const CIPHERS: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
};
const TLS13_CIPHERS = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256';
/** Go's other kinds check nobody: a certificate is only asked for, taken unseen, or not needed. */
const CLIENTS = { NoClientCert: 'none', RequireAndVerifyClientCert: 'required' } as const;

/** The settings of a section; undefined without one or when something in it was refused. */
export function readTls(section: WebSection | undefined, directory: string): TlsSettings | undefined {
  if (section === undefined) return undefined;
  const versions = Object.keys(VERSIONS) as (keyof typeof VERSIONS)[];
  const cert = section.value('cert_file', pemFile(directory)) ?? section.value('cert', text(good));
  const key = section.value('key_file', keyFile(directory)) ?? section.value('key', text(good));
  const ca = section.value('client_ca_file', pemFile(directory)) ?? section.value('client_ca', text(good));
  section.value('cert', text(good));
  section.value('key', text(good));
  section.value('client_ca', text(good));
  const min = section.value('min_version', oneOf(versions)) ?? 'TLS12';
  const max = section.value('max_version', oneOf(versions)) ?? 'TLS13';
  const ciphers = section.value('cipher_suites', named(CIPHERS));
  const curves = section.value('curve_preferences', named(CURVES));
  const honorCipherOrder = section.value('prefer_server_cipher_suites', flag()) ?? true;
  const kind = section.value('client_auth_type', oneOf(Object.keys(CLIENTS) as (keyof typeof CLIENTS)[]));
  const clients = CLIENTS[kind ?? 'NoClientCert'];
  const allowedNames = section.value('client_allowed_sans', names) ?? [];
  section.end();
  if (cert === undefined || key === undefined) {
    const given = section.names();
    if (!given.includes('cert_file') && !given.includes('cert'))
      section.refuse('cert_file', 'is missing', 'Name the file with the certificate');
    if (!given.includes('key_file') && !given.includes('key'))
      section.refuse('key_file', 'is missing', 'Name the file with the private key');
    return undefined;
  }
  if (clients === 'required' && ca === undefined)
    section.refuse('client_ca_file', 'is missing', 'Name the authority whose clients may come in');
  if (allowedNames.length > 0 && clients !== 'required')
    section.refuse(
      'client_allowed_sans',
      'checks nobody',
      'Set client_auth_type: RequireAndVerifyClientCert',
    );
  const context: SecureContextOptions = {
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    minVersion: VERSIONS[min],
    maxVersion: VERSIONS[max],
    honorCipherOrder,
    ...(ciphers === undefined ? {} : { ciphers: `${TLS13_CIPHERS}:${ciphers.join(':')}` }),
    ...(curves === undefined ? {} : { ecdhCurve: curves.join(':') }),
  };
  const tried = tryOut(context, cert);
  if (tried.ok) return { context, clients, allowedNames, expiresAtMs: tried.value };
  section.refuse('cert_file', tried.what, tried.remedy);
  return undefined;
}

/** A certificate and a key that do not belong together would refuse every client later. */
function tryOut(context: SecureContextOptions, cert: string): Parsed<number> {
  const remedy = 'Name a PEM certificate and the private key that belongs to it';
  try {
    createSecureContext(context);
    return good(Date.parse(new X509Certificate(cert).validTo));
  } catch {
    return bad('and its key cannot be used together', remedy);
  }
}

function pemFile(directory: string): Reader<string> {
  return text((name) => {
    try {
      const pem = readRegularFile(resolve(directory, name));
      return pem.includes('-----BEGIN ') ? good(pem) : bad('names a file that is not PEM', 'Name a PEM file');
    } catch {
      return bad('names a file that cannot be read', 'Correct the path, or give the file to this user');
    }
  });
}

function keyFile(directory: string): Reader<string> {
  return text((name) => {
    const read = readSecretFile(resolve(directory, name));
    if (read.ok) return good(`${read.value}\n`);
    return bad(read.what, read.remedy.includes('connection string') ? 'Name the private key' : read.remedy);
  });
}

function named(known: Readonly<Record<string, string>>): Reader<readonly string[]> {
  return (raw) => {
    const words = Array.isArray(raw) ? raw.map((one) => known[String(one)]) : [undefined];
    const remedy = `Write a list of: ${Object.keys(known).join(', ')}`;
    return words.length > 0 && words.every((word) => word !== undefined)
      ? good(words as string[])
      : bad('is not a list of known names', remedy);
  };
}

function names(raw: unknown): Parsed<readonly string[]> {
  const isList = Array.isArray(raw) && raw.every((one) => typeof one === 'string' && one !== '');
  return isList
    ? good(raw as string[])
    : bad('is not a list of names', 'Write for example [prometheus.example.org]');
}
