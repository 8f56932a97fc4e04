/** Owns the body of `/api/monitoring/thresholds/suggestions`: the better values first, then everything that was looked at. */
import type { Judgement, Observed } from './suggestions.js';
import type { ThresholdReport } from './suggestions-report.js';

/** The body. */
export function suggestionsBody(reports: readonly ThresholdReport[], now: Date) {
  const suggestions = reports.flatMap((report) =>
    report.judgements.flatMap((judgement) =>
      judgement.suggested === undefined ? [] : [suggestionJson(report, judgement, judgement.suggested)],
    ),
  );
  return {
    timestamp: now.toISOString(),
    suggestions,
    count: suggestions.length,
    thresholds: reports.map(reportJson),
    status: 'ok' as const,
  };
}

function suggestionJson(report: ThresholdReport, judgement: Judgement, suggested: number) {
  return {
    component: report.component,
    metric: report.threshold,
    severity: judgement.severity,
    current_threshold: judgement.value,
    suggested_threshold: suggested,
    reason: judgement.reason,
    confidence: judgement.confidence,
    samples: report.samples,
  };
}

function reportJson(report: ThresholdReport) {
  return {
    component: report.component,
    metric: report.threshold,
    query: report.query ?? null,
    samples: report.samples,
    first_sample_at:
      report.firstSampleAtMs === undefined ? null : new Date(report.firstSampleAtMs).toISOString(),
    observed: report.observed === undefined ? null : observedJson(report.observed),
    severities: report.judgements.map(({ severity, value, advice, exceededShare, reason }) => ({
      severity,
      current_threshold: value,
      exceeded_share: exceededShare ?? null,
      advice,
      reason,
    })),
    not_judged: report.without ?? null,
  };
}

function observedJson({ p5, p25, p50, p75, p95, p99 }: Observed) {
  return { p5, p25, p50, p75, p95, p99 };
}
