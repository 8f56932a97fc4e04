/** Owns the faulty network of the tests: a TCP proxy on the loopback that can delay, swallow, cut and refuse. */
import { connect, createServer, type Socket } from 'node:net';

/**
 * What happens to bytes from now on, on old and new connections alike. `blackhole` swallows both directions with
 * the connection open; `dropReply` lets requests through and swallows what the server answers; `reset` breaks all
 * connections with RST and every new one too; `close` accepts and closes at once, in order.
 */
export type ProxyMode =
  | { readonly kind: 'pass' | 'blackhole' | 'dropReply' | 'reset' | 'close' }
  | { readonly kind: 'delay'; readonly ms: number };

/** A running proxy. */
export interface FaultProxy {
  readonly port: number;
  /** The URL with host and port replaced by the proxy's. */
  through(url: string): string;
  set(mode: ProxyMode): void;
  /** New connections go to another port of 127.0.0.1; the old ones are cut, as in a failover. */
  retarget(port: number): void;
  /** Connections accepted since the start. */
  accepted(): number;
  stop(): Promise<void>;
}

/** Starts a proxy on a free port of 127.0.0.1 in front of `targetPort`. */
export async function startProxy(targetPort: number): Promise<FaultProxy> {
  let mode: ProxyMode = { kind: 'pass' };
  let target = targetPort;
  let accepted = 0;
  const clients = new Set<Socket>();

  const cutAll = (cut: (socket: Socket) => void) => {
    for (const socket of clients) cut(socket);
  };
  const carry = (from: Socket, to: Socket, isReply: boolean) => {
    let held = 0;
    let last: Promise<unknown> = Promise.resolve();
    const hold = (chunk: Buffer, ms: number) => {
      held += 1;
      const due = new Promise((resolve) => setTimeout(resolve, ms));
      last = Promise.all([last, due]).then(() => {
        held -= 1;
        if (to.writable) to.write(chunk);
      });
    };
    from.on('data', (chunk: Buffer) => {
      if (mode.kind === 'blackhole' || (mode.kind === 'dropReply' && isReply)) return;
      // Also after a delay has ended: bytes must not overtake those that are still on their way.
      if (mode.kind === 'delay' || held > 0) hold(chunk, mode.kind === 'delay' ? mode.ms : 0);
      else if (to.writable) to.write(chunk);
    });
    from.on('error', () => to.destroy());
    // In a black hole not even the end of a connection is heard.
    from.on('close', () => mode.kind !== 'blackhole' && to.destroy());
  };

  const server = createServer((client) => {
    accepted += 1;
    client.on('error', () => {});
    if (mode.kind === 'reset') return client.resetAndDestroy();
    if (mode.kind === 'close') return client.resume().end();
    const upstream = connect({ host: '127.0.0.1', port: target, noDelay: true });
    client.setNoDelay(true);
    clients.add(client);
    client.on('close', () => clients.delete(client));
    carry(client, upstream, false);
    carry(upstream, client, true);
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    port,
    through(url) {
      const changed = new URL(url);
      changed.host = `127.0.0.1:${port}`;
      return changed.href;
    },
    set(next) {
      mode = next;
      if (next.kind === 'reset') cutAll((socket) => socket.resetAndDestroy());
      if (next.kind === 'close') cutAll((socket) => socket.destroy());
    },
    retarget(next) {
      target = next;
      cutAll((socket) => socket.destroy());
    },
    accepted: () => accepted,
    async stop() {
      mode = { kind: 'pass' };
      cutAll((socket) => socket.destroy());
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
