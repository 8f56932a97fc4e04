/** Proves that neither token nor address comes out of the relay, whatever the network does to it. */
import { expect, test } from 'vitest';
import { createLogger } from '../../src/telemetry/logger.js';
import { eventually } from '../harness/exporter.js';
import { failure, type TelegramFault } from '../harness/telegram-faults.js';
import { batch, fakeTelegram, freshStore, startRelay } from './relay.js';

const TOKEN = '7000000002:canary-hunter2-canary-hunter2-abcdef';
const FAULTS: readonly TelegramFault[] = [
  { kind: 'reset' },
  { kind: 'truncated' },
  { kind: 'stall' },
  failure(502, `Bad Gateway for /bot${TOKEN}/sendMessage`),
  { kind: 'answer', status: 500, body: `<html>/bot${TOKEN}/sendMessage</html>`, contentType: 'text/html' },
  { kind: 'answer', status: 302, body: '' },
  failure(400, `Bad Request: what is /bot${TOKEN}?`),
];

test('a token that the network throws back is in no log, series, answer or dead letter', async () => {
  const { db, fresh } = await freshStore();
  const telegram = await fakeTelegram({ token: TOKEN });
  telegram.setScript(({ number }) => FAULTS[number - 1]);
  const { relay, logs, text } = startRelay({ db, telegram, more: '  request_timeout: 500ms\n' });
  for (const [index] of FAULTS.entries()) {
    await relay.http.takeIn(batch([{}], { group: `g${index}` }), undefined);
    await eventually(
      async () => telegram.requests(),
      (all) => all.length > index,
    );
  }
  const dead = await eventually(
    () => relay.http.deadLetters(10),
    (all) => all.length > 0,
  );
  const history = await relay.http.history({
    alertname: undefined,
    status: undefined,
    sinceMs: undefined,
    untilMs: undefined,
    limit: 100,
  });
  const stored = await fresh.sql`select * from flowgauge.notification_messages`;
  const everything = [logs.join(''), await text(), JSON.stringify([dead, history, stored])].join('\n');
  expect(logs.length).toBeGreaterThan(3);
  expect(everything).toContain('FlowStalled');
  expect(everything).not.toContain('hunter2');
});

test('the canary itself would be seen', () => {
  const lines: string[] = [];
  createLogger({ stream: { write: (line: string) => void lines.push(line) } }).warn('x', { token: TOKEN });
  expect(lines.join('')).toContain('hunter2');
});
