/** Owns the landing page: what runs here, how its flows are, and where to go; plain HTML for a phone without scripts. */

import type { FlowOverview, Readiness, StatusOverview } from './deps.js';

/** What the page shows. */
export interface LandingFacts {
  readonly version: string;
  readonly telemetryPath: string;
  readonly flows: readonly FlowOverview[];
  readonly readiness: Readiness;
}

const STYLE = `
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem}
table{border-collapse:collapse;width:100%}
th,td{border-bottom:1px solid #8886;padding:.4rem .6rem;text-align:left;vertical-align:top}
.wide{overflow-x:auto}
ul{margin:0;padding-left:1.2rem}
nav a{display:inline-block;margin-right:1rem;padding:.5rem 0}
.v-stalled,.v-starved,.not-ready{color:#c00;font-weight:bold}
.v-backlogged{color:#a50;font-weight:bold}
@media(prefers-color-scheme:dark){.v-stalled,.v-starved,.not-ready{color:#f77}.v-backlogged{color:#fb5}}
`;

/** The whole page. Links are relative, so that it also works behind a proxy that adds a path. */
export function landingPage(facts: LandingFacts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Flowgauge</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Flowgauge</h1>
<p>Version ${escapeHtml(facts.version)}. ${readinessHtml(facts.readiness)}</p>
<nav><a href="${escapeHtml(`.${facts.telemetryPath}`)}">Metrics</a><a href="./api/flows">Flows as JSON</a><a href="./-/healthy">Health</a><a href="./-/ready">Readiness</a></nav>
<h2>Flows</h2>
${flowsHtml(facts.flows)}
</body>
</html>
`;
}

/** Text made safe for element content and for attribute values in double quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function readinessHtml({ ready, reasons }: Readiness): string {
  if (ready) return 'Ready.';
  return `<span class="not-ready">Not ready</span>: ${reasons.map(escapeHtml).join('; ')}.`;
}

function flowsHtml(flows: readonly FlowOverview[]): string {
  if (flows.length === 0) return '<p>No flow is configured.</p>';
  return `<div class="wide"><table>
<thead><tr><th scope="col">Flow</th><th scope="col">Verdict</th><th scope="col">Items</th><th scope="col">Capture lag</th></tr></thead>
<tbody>
${flows.map(rowHtml).join('\n')}
</tbody>
</table></div>`;
}

function rowHtml({ flow, table, mode, verdict, statuses, captureLagSeconds }: FlowOverview): string {
  const path = `./api/flows/${encodeURIComponent(flow)}`;
  const lag = captureLagSeconds === undefined ? 'not known yet' : `${captureLagSeconds.toFixed(1)} s`;
  const word = verdict === undefined ? 'not judged yet' : `<span class="v-${verdict}">${verdict}</span>`;
  const items = statuses.map((status) => `<li>${statusHtml(status)}</li>`).join('');
  return `<tr><th scope="row"><a href="${escapeHtml(path)}">${escapeHtml(flow)}</a><br><small>${escapeHtml(table)}, ${mode}</small></th><td>${word}<br><small><a href="${escapeHtml(path)}/stuck">stuck items</a></small></td><td><ul>${items}</ul></td><td>${lag}</td></tr>`;
}

function statusHtml({ status, items, stuckItems }: StatusOverview): string {
  const stuck = stuckItems === undefined || stuckItems === 0 ? '' : `, ${stuckItems} stuck`;
  return `${escapeHtml(status)}: ${items ?? 'not known yet'}${stuck}`;
}
