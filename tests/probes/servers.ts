/** Owns small servers on the loopback interface, good ones and hostile ones, and an authority for their certificates. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

/** A server that listens. */
export interface LocalServer {
  readonly port: number;
  /** Connections since the start. */
  accepted(): number;
  stop(): Promise<void>;
}

/** Raw TCP: `serve` does with each connection what it likes. */
export function startTcp(serve: (socket: Socket) => void): Promise<LocalServer> {
  return listening(createServer(serve));
}

/** HTTP, with TLS when a certificate is given. */
export function startHttp(serve: RequestListener, tls?: Certificate): Promise<LocalServer> {
  if (tls === undefined) return listening(createHttp(serve));
  return listening(createHttps({ key: readFileSync(tls.key), cert: readFileSync(tls.certificate) }, serve));
}

async function listening(server: Server): Promise<LocalServer> {
  let accepted = 0;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    accepted: () => accepted,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Files of a certificate. */
export interface Certificate {
  readonly key: string;
  readonly certificate: string;
}

/** An authority of our own. */
export interface Authority {
  /** Its certificate, PEM. */
  readonly file: string;
  /** A certificate for `names` (`DNS:localhost`, `IP:127.0.0.1`); the end is written as `20300101000000Z`. */
  issue(name: string, names: string, ends: string): Certificate;
}

/** Makes an authority with openssl; its files are in the directory. */
export function makeAuthority(directory: string): Authority {
  const path = (name: string) => join(directory, name);
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '3650',
    '-subj',
    '/CN=test authority',
  );
  writeFileSync(path('index.txt'), '');
  writeFileSync(path('serial'), '1000\n');
  return {
    file: path('ca.pem'),
    issue(name, names, ends) {
      openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
      writeFileSync(
        path(`${name}.cnf`),
        `[ca]
default_ca = one
[one]
database = index.txt
serial = serial
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
unique_subject = no
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = ${names}
`,
      );
      openssl(
        'ca',
        '-batch',
        '-config',
        `${name}.cnf`,
        '-in',
        `${name}.csr`,
        '-out',
        `${name}.pem`,
        '-notext',
        '-startdate',
        '20200101000000Z',
        '-enddate',
        ends,
      );
      return { key: path(`${name}.key`), certificate: path(`${name}.pem`) };
    },
  };
}
