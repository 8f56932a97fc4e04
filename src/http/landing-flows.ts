/** Owns the flows on the landing page: one card each, with its verdict and what is in each status. */
import type { FlowOverview, StatusOverview } from './deps.js';
import { escapeHtml, listHtml, spanText } from './landing-html.js';

const STYLE_OF = {
  idle: 'good',
  flowing: 'good',
  backlogged: 'late',
  stalled: 'bad',
  starved: 'bad',
} as const;

/** The cards. */
export function flowsHtml(flows: readonly FlowOverview[]): string {
  if (flows.length === 0) return '<p>No flow is counted yet.</p>';
  return `<div class="cards">${flows.map(cardHtml).join('\n')}</div>`;
}

function cardHtml({ flow, table, mode, verdict, statuses, captureLagSeconds }: FlowOverview): string {
  const path = escapeHtml(`./api/flows/${encodeURIComponent(flow)}`);
  const lag = captureLagSeconds === undefined ? 'not known yet' : `${captureLagSeconds.toFixed(1)} s`;
  const word =
    verdict === undefined ? 'not judged yet' : `<strong class="${STYLE_OF[verdict]}">${verdict}</strong>`;
  return `<article><h3><a href="${path}">${escapeHtml(flow)}</a>: ${word}</h3>
${listHtml(statuses.map(statusHtml))}
<p><small>${escapeHtml(table)}, ${mode}. Capture lag: ${lag}. <a href="${path}/stuck">Stuck items</a></small></p></article>`;
}

function statusHtml({ status, items, stuckItems, oldestAgeSeconds }: StatusOverview): string {
  const stuck =
    stuckItems === undefined || stuckItems === 0 ? '' : `, <strong class="late">${stuckItems} stuck</strong>`;
  const oldest = oldestAgeSeconds === undefined ? '' : `, oldest ${spanText(oldestAgeSeconds)}`;
  return `${escapeHtml(status)}: ${items ?? 'not known yet'}${stuck}${oldest}`;
}
