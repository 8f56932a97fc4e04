/** Owns what is known of the connection to Telegram, and the body of `/telegram/status`. */
import { type BreakerLine, openBreakers } from './health-breakers.js';
import type { ChannelLine } from './health-channels.js';
import type { HealthFacts, ProbeFacts } from './health-facts.js';

/** The word: whether Telegram answered when it was last asked. */
export const TELEGRAM_STATES = ['connected', 'disconnected', 'unknown'] as const;
/** The word. */
export type TelegramState = (typeof TELEGRAM_STATES)[number];

type Facts = Pick<HealthFacts, 'channels' | 'breakers' | 'probes'>;

interface Known {
  readonly channel: ChannelLine | undefined;
  /** Of the channel. */
  readonly breaker: BreakerLine | undefined;
  readonly probe: ProbeFacts | undefined;
}

/** The word; null when neither a chat nor a probe of Telegram is configured. */
export function telegramState(facts: Facts): TelegramState | null {
  const known = telegramOf(facts);
  return known.channel === undefined && known.probe === undefined ? null : stateOf(known);
}

/** The body; undefined when neither a chat nor a probe of Telegram is configured. */
export function telegramBody(
  facts: Facts & Pick<HealthFacts, 'now'>,
): Readonly<Record<string, unknown>> | undefined {
  const known = telegramOf(facts);
  const { channel, probe } = known;
  if (channel === undefined && probe === undefined) return undefined;
  return {
    telegram: stateOf(known),
    timestamp: facts.now().toISOString(),
    initialized: knewToken(known),
    user: probe?.outcome?.facts.telegramBot ?? null,
    probe: probe === undefined ? null : probeJson(probe),
    channel: channel === undefined ? null : channelJson(channel),
  };
}

function telegramOf({ channels, breakers, probes }: Facts): Known {
  const channel = channels().find((one) => one.channel === 'telegram');
  return {
    channel,
    breaker: channel && breakers().find(({ name }) => name === channel.channel),
    probe: probes().find(({ kind }) => kind === 'telegram'),
  };
}

/** What was learnt last decides, unless the circuit turns every message away. */
function stateOf({ channel, breaker, probe }: Known): TelegramState {
  if (breaker !== undefined && openBreakers([breaker]).length > 0) return 'disconnected';
  const tried = channel?.latest;
  const asked = probe?.outcome === undefined ? undefined : probe.at;
  const isTryNewer = tried !== undefined && (asked === undefined || tried.at > asked);
  if (isTryNewer) return wasAnswered(tried.outcome, breaker) ? 'connected' : 'disconnected';
  if (probe?.outcome === undefined) return 'unknown';
  return probe.outcome.success ? 'connected' : 'disconnected';
}

/** A limit or a refusal of one message is an answer too. A refused token is not: the circuit counts it as a failure. */
function wasAnswered(
  outcome: NonNullable<ChannelLine['latest']>['outcome'],
  breaker: BreakerLine | undefined,
): boolean {
  if (outcome === 'permanent') return (breaker?.failuresInRow ?? 0) === 0;
  return outcome !== 'transient';
}

/** Whether Telegram has ever answered as it does to a token that it knows. */
function knewToken({ channel, breaker, probe }: Known): boolean {
  if (probe?.lastSuccessAt !== undefined || channel?.lastSentAt !== undefined) return true;
  return (breaker?.calls.success ?? 0) > 0;
}

function probeJson({ probe, outcome, at, lastSuccessAt, consecutiveFailures }: ProbeFacts): unknown {
  return {
    probe,
    success: outcome?.success ?? null,
    reason: outcome?.reason ?? null,
    latency_seconds: outcome === undefined ? null : outcome.latencyMs / 1000,
    asked_at: at?.toISOString() ?? null,
    last_success_at: lastSuccessAt?.toISOString() ?? null,
    consecutive_failures: consecutiveFailures,
  };
}

function channelJson({ messages, attempts, latest, lastSentAt, oldestQueuedAt }: ChannelLine): unknown {
  return {
    messages,
    attempts,
    last_attempt: latest === undefined ? null : { outcome: latest.outcome, at: latest.at.toISOString() },
    last_sent_at: lastSentAt?.toISOString() ?? null,
    oldest_queued_at: oldestQueuedAt?.toISOString() ?? null,
  };
}
