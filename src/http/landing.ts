/** Owns the landing page: what runs here, whether it is well and why not, as plain HTML that needs nothing else. */
import { openBreakers } from '../operations/health-breakers.js';
import { type HealthFacts, jobsNotWell } from '../operations/health-facts.js';
import { overviewOf } from '../operations/health-overview.js';
import type { FlowOverview, Readiness } from './deps.js';
import { alertsHtml } from './landing-alerts.js';
import { flowsHtml } from './landing-flows.js';
import { counted, escapeHtml, listHtml } from './landing-html.js';
import { STYLE } from './landing-style.js';

/** What the page shows. */
export interface LandingFacts {
  readonly version: string;
  readonly telemetryPath: string;
  readonly flows: readonly FlowOverview[];
  readonly readiness: Readiness;
  /** Undefined where only flows and readiness are known. */
  readonly health: HealthFacts | undefined;
  /** Alerts that have a runbook here. */
  readonly runbooks: ReadonlySet<string>;
}

/** The whole page. Links are relative, so that it also works behind a proxy that adds a path. */
export function landingPage(facts: LandingFacts): string {
  const { health } = facts;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Flowgauge</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>Flowgauge</h1><p>Version ${escapeHtml(facts.version)}. ${readinessHtml(facts.readiness)}</p></header>
<main>
${health === undefined ? '' : healthHtml(health)}<section><h2>Flows</h2>
${flowsHtml(facts.flows)}</section>
${health === undefined ? '' : partsHtml(health, facts.runbooks)}</main>
<nav><h2>Links</h2>
<ul>${linksOf(facts).map(linkHtml).join('')}</ul></nav>
</body>
</html>
`;
}

function readinessHtml({ ready, reasons }: Readiness): string {
  if (ready) return 'Ready.';
  return `<strong class="bad">Not ready</strong>: ${reasons.map(escapeHtml).join('; ')}.`;
}

/** The word, its reasons, and the score with its own. */
function healthHtml(health: HealthFacts): string {
  const { status, body } = overviewOf(health);
  const reasons = body.reasons as readonly string[];
  return `<section class="health ${status}"><h2>Health: <span class="word">${status}</span></h2>
${reasons.length === 0 ? '' : listHtml(reasons.map(escapeHtml))}${scoreHtml(health)}
<p><small>As of ${escapeHtml(String(body.timestamp))}.</small></p></section>
`;
}

function scoreHtml(health: HealthFacts): string {
  const resources = health.resources();
  if (resources === undefined) return '<p>The machine is not measured.</p>';
  const { score, reasons = [] } = resources.health ?? {};
  if (score === undefined) return '<p>The score is not known yet.</p>';
  const why = reasons.map(({ text }) => escapeHtml(text));
  return `<p>Score <strong>${Math.round(score)}</strong> of 100${why.length === 0 ? '.' : ':'}</p>${listHtml(why)}`;
}

function partsHtml(health: HealthFacts, runbooks: ReadonlySet<string>): string {
  return `<section><h2>Alerts</h2>
${alertsHtml(health.firing(), runbooks)}</section>
<section><h2>Circuit breakers</h2>
${breakersHtml(health)}</section>
<section><h2>Jobs</h2>
${jobsHtml(health)}</section>
`;
}

function breakersHtml(health: HealthFacts): string {
  const breakers = health.breakers();
  if (breakers.length === 0) return '<p>This process has none.</p>';
  const open = openBreakers(breakers);
  const lines = breakers.map(({ name, state, failureCount, retryAfterSeconds }) => {
    const style =
      state === 'open' || state === 'forced_open' ? 'bad' : state === 'half_open' ? 'late' : 'good';
    const failures = failureCount === 0 ? '' : `, ${failureCount} failures in a row`;
    const next = retryAfterSeconds === undefined ? '' : `, next trial in ${Math.ceil(retryAfterSeconds)} s`;
    return `${escapeHtml(name)}: <strong class="${style}">${state.replace('_', ' ')}</strong>${failures}${next}`;
  });
  return `<p>${open.length} of ${breakers.length} open.</p>${listHtml(lines)}`;
}

function jobsHtml(health: HealthFacts): string {
  const jobs = health.jobs();
  const ill = jobsNotWell(jobs);
  if (ill.length === 0) return `<p>${counted(jobs.length, 'job')}, all well.</p>`;
  const lines = ill.map(
    ({ name, state }) => `${escapeHtml(name)}: <strong class="bad">${state.replace('_', ' ')}</strong>`,
  );
  return `<p>${ill.length} of ${counted(jobs.length, 'job')} not well.</p>${listHtml(lines)}`;
}

function linksOf({ telemetryPath, health }: LandingFacts): readonly (readonly [string, string])[] {
  const always = [
    [telemetryPath, 'Metrics'],
    ['/-/ready', 'Readiness'],
    ['/api/flows', 'Flows'],
    ['/runbooks', 'Runbooks'],
    ['/openapi.json', 'All endpoints (OpenAPI)'],
  ] as const;
  if (health === undefined) return always;
  return [
    ...always,
    ['/health/scheduler', 'Jobs'],
    ['/health/performance', 'Performance'],
    ['/api/metrics/circuit-breakers', 'Circuit breakers'],
    ...(health.resources() === undefined ? [] : [['/health/resources', 'Resources'] as const]),
    ...(health.firing().kind === 'known' ? [['/api/metrics/alerts', 'Alerts'] as const] : []),
  ];
}

function linkHtml([path, words]: readonly [string, string]): string {
  return `<li><a href="${escapeHtml(`.${path}`)}">${words}</a></li>`;
}
