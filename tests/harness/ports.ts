/** Owns the question which TCP port of the loopback interface is free. */
import { createServer } from 'node:net';

/** A port of 127.0.0.1 that was free a moment ago; whoever uses it must be ready to lose the race and ask again. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
