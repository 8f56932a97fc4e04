/** Shows log lines that know their work: whose request, which trace, which item, and never a password. */
import { activeTraceId, createLogger, inContext } from 'flowgauge';

const log = createLogger({
  level: 'info',
  secrets: [process.env.DATABASE_URL ?? ''],
  traceId: activeTraceId,
});

/** Every line written inside, however deep, carries request_id, flow and item. */
export function moveToken(requestId: string, mint: string): void {
  inContext({ requestId, flow: 'tokens', item: mint }, () => {
    log.named('lifecycle').info('token activated', { liquidity_usd: 12_500 });
  });
}

/** Levels change while the program runs. */
export function lookCloser(): void {
  log.setLevel('debug');
}
