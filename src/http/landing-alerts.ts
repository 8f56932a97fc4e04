/** Owns the alerts on the landing page: the loudest first, each with a way to its runbook. */
import type { ActiveAlert } from '../alerts/alertmanager.js';
import { type FiringReport, severityOf } from '../operations/health-firing.js';
import { counted, escapeHtml, listHtml } from './landing-html.js';

/** More than anybody reads on one page; the rest is one link away. */
const SHOWN = 50;
const LADDER = ['critical', 'error', 'warning', 'info'] as const;
const STYLE_OF = { critical: 'bad', error: 'bad', warning: 'late', info: 'good' } as const;

interface Line {
  readonly severity: (typeof LADDER)[number];
  readonly alert: ActiveAlert;
}

/** The alerts that fire, or why they are not known. */
export function alertsHtml(firing: FiringReport, runbooks: ReadonlySet<string>): string {
  if (firing.kind === 'off') return '<p>No Alertmanager is configured.</p>';
  if (firing.kind === 'unknown') return '<p class="bad">Alertmanager does not answer.</p>';
  const lines = firing.alerts.flatMap((alert): readonly Line[] => {
    const severity = severityOf(alert.labels.severity);
    return severity === undefined ? [] : [{ severity, alert }];
  });
  if (lines.length === 0) return '<p>None fires.</p>';
  lines.sort((a, b) => rank(a) - rank(b) || a.alert.startsAtMs - b.alert.startsAtMs);
  const beyond = lines.length - SHOWN;
  const more = beyond > 0 ? `<p>And ${beyond} more: <a href="./api/metrics/alerts">all alerts</a>.</p>` : '';
  const heading = `<p>${counted(lines.length, 'alert')}.</p>`;
  return `${heading}${listHtml(lines.slice(0, SHOWN).map((line) => lineHtml(line, runbooks)))}${more}`;
}

/** Muted ones last: somebody knows of them. */
function rank({ severity, alert }: Line): number {
  return LADDER.indexOf(severity) + (alert.isMuted ? LADDER.length : 0);
}

function lineHtml({ severity, alert }: Line, runbooks: ReadonlySet<string>): string {
  const { labels, annotations, startsAtMs, isMuted } = alert;
  const { alertname = 'unnamed' } = labels;
  // Only where there is a page: the name comes from outside and could lead anywhere.
  const name = runbooks.has(alertname)
    ? `<a href="./runbooks/${escapeHtml(encodeURIComponent(alertname))}">${escapeHtml(alertname)}</a>`
    : escapeHtml(alertname);
  const summary = annotations.summary === undefined ? '' : `: ${escapeHtml(annotations.summary)}`;
  const since = Number.isFinite(startsAtMs) ? `since ${new Date(startsAtMs).toISOString()}` : '';
  const muted = isMuted ? 'muted' : '';
  return `<strong class="${STYLE_OF[severity]}">${severity}</strong> ${name}${summary}<br><small>${[since, muted].filter((word) => word !== '').join(', ')}</small>`;
}
