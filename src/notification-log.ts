/** Owns what the relay tells: a line for each end that is not the usual one, and the series of tries and deliveries. */
import { alertName, severities } from './alerts/alert.js';
import type { NotificationSeries } from './metrics/notification-series.js';
import type { Claim, ClaimedMessage } from './notifications/claim.js';
import type { WorkerEvent } from './notifications/worker-options.js';
import type { Logger } from './telemetry/logger.js';

/** Alerts that one line of the log names. */
const NAMED_ALERTS = 20;

/** Takes the events of the workers. `passOn` is called when a chat has the sign of life. */
export function relayReporter(
  log: Logger,
  series: NotificationSeries,
  passOn: () => Promise<void>,
): (event: WorkerEvent) => void {
  const told = (event: WorkerEvent & { kind: 'delivered' }): void => {
    for (const seconds of event.seconds) series.delivered(event.claim.channel, seconds);
    log.debug('message delivered', aboutClaim(event.claim));
    if (event.claim.messages[0]!.kind !== 'watchdog') return;
    passOn().catch((err) => log.warn('the sign of life could not be passed on', { err }));
  };
  return (event) => {
    switch (event.kind) {
      case 'attempt':
        series.attempt(event.channel, event.outcome);
        break;
      case 'delivered':
        told(event);
        break;
      case 'dead':
        for (const message of event.claim.messages) tellDead(log, event, message);
        break;
      case 'retry': {
        const { claim, reason, detail, delayMs } = event;
        log.warn('message not delivered yet', {
          ...aboutClaim(claim),
          reason,
          detail,
          seconds: delayMs / 1000,
        });
        break;
      }
      case 'migrated':
        log.warn('a chat has moved; its new number is stored', {
          ...aboutClaim(event.claim),
          now: event.address,
        });
        break;
      case 'lease lost':
        log.warn('the right to send ran out before the request; nothing was sent', aboutClaim(event.claim));
        break;
    }
  };
}

function tellDead(log: Logger, event: WorkerEvent & { kind: 'dead' }, message: ClaimedMessage): void {
  const { id, requestId, groupKey, group } = message;
  const alerts = group?.alerts.slice(0, NAMED_ALERTS).map((alert) => {
    return { alertname: alertName(alert), fingerprint: alert.fingerprint, status: alert.status };
  });
  // The number is in the message: the limit on repeats must not swallow a dead letter.
  log.error(`DEAD_LETTER ${id}`, {
    ...aboutClaim(event.claim),
    message: id,
    ...(requestId === undefined ? {} : { request_id: requestId }),
    group_key: groupKey,
    reason: event.reason,
    detail: event.detail,
    alerts,
  });
}

function aboutClaim({ channel, messages }: Claim): Record<string, unknown> {
  const [first] = messages;
  return {
    channel,
    message: first!.id,
    messages: messages.length,
    attempts: first!.attempts,
    severity: severities[first!.rank] ?? 'watchdog',
  };
}
