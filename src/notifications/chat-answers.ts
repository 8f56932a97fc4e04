/** Owns the texts that answer a command: what fires, how the flows stand, which items are stuck. */
import { alertName, severities, severityOf } from '../alerts/alert.js';
import type { ActiveAlert } from '../alerts/alertmanager.js';
import type { OutboxCounts } from './counts.js';
import { durationText, SIGNS } from './message-text.js';

/** A flow as `/status` tells it. */
export interface FlowLine {
  readonly flow: string;
  /** Undefined until the first judgement. */
  readonly verdict: string | undefined;
  readonly statuses: readonly {
    readonly status: string;
    readonly items: number | undefined;
    readonly stuckItems: number | undefined;
  }[];
}

/** The stuck items of a flow as `/stuck` tells them. */
export interface StuckLines {
  readonly totalStuck: number;
  readonly items: readonly { readonly id: string; readonly status: string; readonly ageSeconds: number }[];
}

/** A text with the line that stands above it. */
export interface Answer {
  readonly title: string;
  readonly body: string;
}

const LONGEST_LIST = 20;

/** What fires now, the most urgent first. */
export function alertsAnswer(alerts: readonly ActiveAlert[], nowMs: number): Answer {
  const rank = (alert: ActiveAlert) => severities.indexOf(severityOf(alert)) + (alert.isMuted ? 10 : 0);
  const ordered = [...alerts].sort((a, b) => rank(a) - rank(b) || a.startsAtMs - b.startsAtMs);
  const lines = ordered.slice(0, LONGEST_LIST).map((alert) => {
    const { flow, tier } = alert.labels;
    const about = [flow, tier === undefined ? undefined : `tier ${tier}`].filter(
      (text) => text !== undefined,
    );
    const where = about.length === 0 ? '' : ` (${about.join(', ')})`;
    return `${alert.isMuted ? '🔕' : SIGNS[severityOf(alert)]} ${alertName(alert)}${where} for ${durationText(nowMs - alert.startsAtMs)}`;
  });
  const rest = ordered.length - lines.length;
  const loud = alerts.filter(({ isMuted }) => !isMuted).length;
  return {
    title: alerts.length === 0 ? '🟢 Nothing fires' : `${loud} firing, ${alerts.length - loud} muted`,
    body:
      [...lines, ...(rest > 0 ? [`… and ${rest} more`] : [])].join('\n') || 'Alertmanager knows of no alert.',
  };
}

/** How the flows stand, and what waits to be sent. */
export function statusAnswer(flows: readonly FlowLine[], counts: readonly OutboxCounts[]): Answer {
  const lines = flows.map(({ flow, verdict, statuses }) => {
    const stuck = statuses.reduce((sum, { stuckItems }) => sum + (stuckItems ?? 0), 0);
    const items = statuses.map(({ status, items }) => `${status} ${items ?? '?'}`).join(', ');
    return `${flow}: ${verdict ?? 'not judged yet'}${stuck > 0 ? `, ${stuck} stuck` : ''} (${items})`;
  });
  const ways = counts.map(
    ({ channel, messages }) =>
      `${channel}: ${messages.queued + messages.sending} waiting, ${messages.dead} dead letters`,
  );
  return { title: 'Status', body: [...(lines.length === 0 ? ['No flows.'] : lines), ...ways].join('\n') };
}

/** The items that are stuck. */
export function stuckAnswer(flow: string, { totalStuck, items }: StuckLines): Answer {
  const lines = items
    .slice(0, LONGEST_LIST)
    .map(({ id, status, ageSeconds }) => `${id} · ${status} for ${durationText(ageSeconds * 1000)}`);
  const rest = totalStuck - lines.length;
  return {
    title: `${flow}: ${totalStuck === 0 ? 'nothing is stuck' : `${totalStuck} stuck`}`,
    body: [...lines, ...(rest > 0 ? [`… and ${rest} more`] : [])].join('\n'),
  };
}

/** Everything that is known of a group's alerts. */
export function detailsAnswer(title: string, alerts: readonly ActiveAlert[], nowMs: number): Answer {
  const texts = alerts.slice(0, LONGEST_LIST).map((alert) => {
    const labels = Object.entries(alert.labels).map(([name, value]) => `  ${name}="${value}"`);
    const notes = Object.entries(alert.annotations).map(([name, value]) => `  ${name}: ${value}`);
    const state = alert.isMuted ? 'muted' : 'firing';
    return [
      `${alertName(alert)}, ${state}, for ${durationText(nowMs - alert.startsAtMs)}`,
      ...labels,
      ...notes,
    ].join('\n');
  });
  const rest = alerts.length - texts.length;
  return {
    title: `Details: ${title}`,
    body:
      [...texts, ...(rest > 0 ? [`… and ${rest} more`] : [])].join('\n\n') ||
      'None of its alerts is active now.',
  };
}
