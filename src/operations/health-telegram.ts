/** Owns what is known of the connection to Telegram, and the body of `/telegram/status`. */
import type { ChannelLine } from './health-channels.js';
import type { HealthFacts, ProbeFacts } from './health-facts.js';

/** The word: whether Telegram answered when it was last asked. */
export const TELEGRAM_STATES = ['connected', 'disconnected', 'unknown'] as const;
/** The word. */
export type TelegramState = (typeof TELEGRAM_STATES)[number];

/** The word; null when neither a chat nor a probe of Telegram is configured. */
export function telegramState(facts: Pick<HealthFacts, 'channels' | 'probes'>): TelegramState | null {
  const { channel, probe } = telegramOf(facts);
  return channel === undefined && probe === undefined ? null : stateOf(channel, probe);
}

/** The body; undefined when neither a chat nor a probe of Telegram is configured. */
export function telegramBody(
  facts: Pick<HealthFacts, 'channels' | 'probes' | 'now'>,
): Readonly<Record<string, unknown>> | undefined {
  const { channel, probe } = telegramOf(facts);
  if (channel === undefined && probe === undefined) return undefined;
  const state = stateOf(channel, probe);
  return {
    telegram: state,
    timestamp: facts.now().toISOString(),
    initialized: state !== 'unknown',
    user: probe?.outcome?.facts.telegramBot ?? null,
    probe: probe === undefined ? null : probeJson(probe),
    channel: channel === undefined ? null : channelJson(channel),
  };
}

function telegramOf({ channels, probes }: Pick<HealthFacts, 'channels' | 'probes'>): {
  readonly channel: ChannelLine | undefined;
  readonly probe: ProbeFacts | undefined;
} {
  return {
    channel: channels().find(({ channel }) => channel === 'telegram'),
    probe: probes().find(({ kind }) => kind === 'telegram'),
  };
}

/** What was learnt last decides. A limit or a refusal of one message is an answer too. */
function stateOf(channel: ChannelLine | undefined, probe: ProbeFacts | undefined): TelegramState {
  const tried = channel?.latest;
  const asked = probe?.outcome === undefined ? undefined : probe.at;
  const isTryNewer = tried !== undefined && (asked === undefined || tried.at > asked);
  if (isTryNewer) return tried.outcome === 'transient' ? 'disconnected' : 'connected';
  if (probe?.outcome === undefined) return 'unknown';
  return probe.outcome.success ? 'connected' : 'disconnected';
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
