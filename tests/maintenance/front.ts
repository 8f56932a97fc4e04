/** Owns the front of an Alertmanager under test: it passes requests on, and a test looks at each and may spoil or lose it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** A request as the front sees it; `path` is decoded. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** What becomes of a request: an answer of the test's own, no answer while the test runs, a broken connection, or its way. */
export type Fate = { readonly body: string } | 'silence' | 'break' | 'pass';

/** A front before `target` that asks about every request, with the clean-up of the test. */
export async function frontOf(target: string, fateOf: (request: SeenRequest) => Fate | Promise<Fate>) {
  const seen: SeenRequest[] = [];
  const server = createServer(async (request, response) => {
    const { method = '', url = '' } = request;
    const one = { method, path: decodeURIComponent(url), body: await text(request) };
    seen.push(one);
    const fate = await fateOf(one);
    if (fate === 'silence') return;
    if (fate === 'break') return void request.socket.destroy();
    if (fate !== 'pass') return void response.end(fate.body);
    const answer = await fetch(`${target}${url}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(one.body === '' ? {} : { body: one.body }),
    });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Requests so far, of this method and with this path. */
    seen: (method: string, path: string) =>
      seen.filter((one) => one.method === method && one.path.includes(path)),
  };
}
