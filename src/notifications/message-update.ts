/** Owns the short answer that rings when alerts join a group whose message is only edited. */
import { type Alert, alertName, severityOf } from '../alerts/alert.js';
import { cleanText, type Span, shorten } from './escape.js';
import { type RenderedMessage, renderParts } from './message.js';
import { SIGNS } from './message-text.js';

/**
 * An edit rings no bell. This is the short answer to the edited message that does, when alerts joined the group;
 * undefined when none did. Silent when nothing above `info` joined.
 */
export function renderBell(joined: readonly Alert[], eventId: string): RenderedMessage | undefined {
  if (joined.length === 0) return undefined;
  const lines = joined.slice(0, 5).map((alert): Span => {
    const summary = alert.annotations.summary ?? alertName(alert);
    const said = shorten(cleanText(summary).replaceAll('\n', ' ').trim(), 200);
    return { text: `\n${SIGNS[severityOf(alert)]} ${said}` };
  });
  const rest = joined.length - lines.length;
  const spans: readonly Span[] = [
    { text: `${joined.length} more firing`, style: 'bold' },
    { text: ' · ' },
    { text: `#${eventId}`, style: 'code' },
    ...lines,
    ...(rest > 0 ? [{ text: `\n… and ${rest} more` }] : []),
  ];
  const silent = joined.every((alert) => severityOf(alert) === 'info');
  return { parts: renderParts(spans, eventId), silent };
}
