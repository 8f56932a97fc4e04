/** Owns the real browser of the tests: Debian's Chromium without a window, driven over a pipe, on one page at a time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { endProcess, pause } from './processes.js';
import { scratchDirectory } from './scratch.js';

/** Another program than Debian's may be named in CHROMIUM. */
export const CHROMIUM = process.env.CHROMIUM ?? 'chromium';
const DEADLINE_MS = 60_000;

/** A page as the browser shows it. */
export interface ShownPage {
  /** Addresses that the page asked for, the page itself first. */
  readonly requested: readonly string[];
  /** What the page complained about. */
  readonly complaints: readonly string[];
  /** The value of an expression in the page; the page's own policy does not hold for it. */
  evaluate(expression: string): Promise<unknown>;
  /** The part that is seen, as PNG. */
  screenshot(): Promise<Buffer>;
}

/** The phone or screen that a page is shown on. */
export interface Screen {
  readonly width: number;
  readonly height: number;
  readonly scheme: 'light' | 'dark';
}

/** A running browser. */
export interface Browser {
  /** Opens an address and waits until it has loaded. */
  open(url: string, screen: Screen): Promise<ShownPage>;
  stop(): Promise<void>;
}

type Fields = Record<string, unknown>;

/** Starts it. */
export async function startChromium(): Promise<Browser> {
  const directory = scratchDirectory('chromium');
  const flags = [
    ...['--headless=new', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--hide-scrollbars'],
    ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ...['--remote-debugging-pipe', `--user-data-dir=${directory}`],
    // Its sandbox refuses to work as root, as in most containers; the pages are ours.
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  ];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', CHROMIUM, ...flags, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: directory },
  });
  const stop = async () => {
    await endProcess(child, ['SIGTERM', 'SIGKILL'], 5_000);
    await removeWhenQuiet(directory);
  };
  try {
    const pipe = openPipe(child);
    const { targetInfos } = await pipe.ask('Target.getTargets', {});
    const { targetId } = (targetInfos as { type: string; targetId: string }[]).find(
      ({ type }) => type === 'page',
    )!;
    const { sessionId } = await pipe.ask('Target.attachToTarget', { targetId, flatten: true });
    return { open: (url, screen) => openPage(pipe, String(sessionId), url, screen), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Its other processes end a moment after it, and write until then; a retry of Node's does not look for new files. */
async function removeWhenQuiet(directory: string): Promise<void> {
  for (let left = 50; ; left -= 1) {
    try {
      rmSync(directory, { recursive: true, force: true });
      return;
    } catch (error) {
      if (left === 0) throw error;
      await pause(100);
    }
  }
}

async function openPage(
  pipe: Pipe,
  session: string,
  url: string,
  { width, height, scheme }: Screen,
): Promise<ShownPage> {
  const ask = (method: string, params: Fields = {}) => pipe.ask(method, params, session);
  const requested: string[] = [];
  const complaints: string[] = [];
  const loaded = new Promise<void>((resolve) => {
    pipe.listen((method, params) => {
      if (method === 'Network.requestWillBeSent') requested.push((params.request as { url: string }).url);
      if (method === 'Log.entryAdded') complaints.push((params.entry as { text: string }).text);
      if (method === 'Page.loadEventFired') resolve();
    });
  });
  for (const domain of ['Page', 'Network', 'Log', 'Runtime']) await ask(`${domain}.enable`);
  await ask('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: true });
  await ask('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
  await ask('Page.navigate', { url });
  await loaded;
  return {
    requested,
    complaints,
    async evaluate(expression) {
      const answer = await ask('Runtime.evaluate', { expression, returnByValue: true });
      if (answer.exceptionDetails !== undefined) throw new Error(JSON.stringify(answer.exceptionDetails));
      return (answer.result as { value: unknown }).value;
    },
    async screenshot() {
      return Buffer.from(String((await ask('Page.captureScreenshot', { format: 'png' })).data), 'base64');
    },
  };
}

/** Messages to and from the browser: JSON, each ended by a zero byte. */
interface Pipe {
  ask(method: string, params: Fields, session?: string): Promise<Fields>;
  /** Replaces the listener before it. */
  listen(heard: (method: string, params: Fields) => void): void;
}

function openPipe(child: ChildProcess): Pipe {
  const out = child.stdio[3] as Writable;
  const incoming = child.stdio[4] as Readable;
  const waiting = new Map<number, { resolve: (value: Fields) => void; reject: (error: Error) => void }>();
  let heard: (method: string, params: Fields) => void = () => {};
  let asked = 0;
  let text = '';
  const fail = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  child.once('exit', () => fail(new Error('chromium ended')));
  out.on('error', fail);
  incoming.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const messages = text.split('\0');
    text = messages.pop() ?? '';
    for (const message of messages) take(JSON.parse(message) as Fields);
  });

  function take({ id, result, error, method, params }: Fields): void {
    if (typeof method === 'string') heard(method, (params ?? {}) as Fields);
    const asking = waiting.get(Number(id));
    waiting.delete(Number(id));
    if (error !== undefined) asking?.reject(new Error(JSON.stringify(error)));
    else asking?.resolve((result ?? {}) as Fields);
  }

  return {
    ask(method, params, session) {
      asked += 1;
      const id = asked;
      const sessionId = session === undefined ? {} : { sessionId: session };
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no answer to ${method}`)), DEADLINE_MS);
        const done = () => clearTimeout(timer);
        waiting.set(id, {
          resolve: (value) => {
            done();
            resolve(value);
          },
          reject: (error) => {
            done();
            reject(error);
          },
        });
        out.write(`${JSON.stringify({ id, method, params, ...sessionId })}\0`);
      });
    },
    listen(next) {
      heard = next;
    },
  };
}
