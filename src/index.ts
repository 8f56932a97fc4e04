/** Owns the door of the package: everything that a program which imports `flowgauge` may use. */
export { type MetricsHandler, metricsHandler } from './http/metrics-handler.js';
export { type CockatielOptions, type CockatielPolicy, watchCockatiel } from './instrument/cockatiel.js';
export {
  type ExpressInstrumentOptions,
  type HttpMiddleware,
  type HttpServerMetrics,
  instrumentExpress,
} from './instrument/express.js';
export type { TrackedFlowOptions } from './instrument/flow-options.js';
export { type DrizzleExecutor, type FlowItemTable, flowItemTable } from './instrument/flow-rows.js';
export { type FlowTracker, type LivingItem, trackFlow } from './instrument/flow-tracker.js';
export { createSupervisor } from './instrument/host-supervisor.js';
export {
  type FetchInstrumentOptions,
  type HttpClientMetrics,
  instrumentFetch,
} from './instrument/http-client.js';
export { type AdapterOptions, type OpossumBreaker, watchOpossum } from './instrument/opossum.js';
export type { Counter, CounterSeries } from './metrics/counter.js';
export type { ExemplarInput } from './metrics/exemplar.js';
export type { Gauge, GaugeSeries } from './metrics/gauge.js';
export type { Histogram, HistogramSeries, HistogramTotals } from './metrics/histogram.js';
export { type JobSeries, jobSeries } from './metrics/jobs.js';
export { watchLoad } from './metrics/load-series.js';
export { watchPolicies } from './metrics/policies.js';
export {
  createMetrics,
  type Instruments,
  type Metrics,
  type MetricsControl,
  type MetricsOptions,
} from './metrics/registry.js';
export type { ScraperOptions } from './metrics/scrape.js';
export { WatchError } from './metrics/watched-names.js';
export { watchWorkSizer } from './metrics/work-size-series.js';
export { type Jitter, jitters } from './resilience/backoff.js';
export { type BatchSizeOptions, batchSize, type LoadSample } from './resilience/batch-size.js';
export { type BreakerStatus, CircuitBreaker } from './resilience/breaker.js';
export type { BreakerOptions } from './resilience/breaker-options.js';
export type { BreakerRecord } from './resilience/breaker-record.js';
export {
  type BreakerCause,
  type BreakerStateName,
  breakerCauses,
  breakerStates,
} from './resilience/breaker-state.js';
export {
  isRetryable,
  isRetryableAnswer,
  judgeAnswer,
  judgeError,
  type Verdict,
} from './resilience/classify.js';
export {
  BreakerOpenError,
  CallTimeoutError,
  FallbackRecursionError,
  LimiterRejectedError,
  type LimiterRejection,
  LoadShedError,
  type LoadShedReason,
  PolicyOptionError,
  RateLimitedError,
  type RateLimitReason,
} from './resilience/errors.js';
export type {
  AttemptOutcome,
  BreakerOutcome,
  CacheOutcome,
  FallbackSource,
  LoadMode,
  LoadSignal,
  PermitOutcome,
  PolicyEvent,
  PolicyListener,
  RateOutcome,
  TimeoutOutcome,
  WorkSizeParameter,
  WorkSizeReason,
} from './resilience/events.js';
export { type Answer, Fallback } from './resilience/fallback.js';
export {
  type Alternative,
  type FallbackOptions,
  type StandIn,
  standIns,
} from './resilience/fallback-options.js';
export type {
  Beat,
  CrashLoopCap,
  FixedRate,
  Job,
  JobState,
  OverlapPolicy,
  TriggerAnswer,
} from './resilience/job.js';
export { JobAborted, SupervisorError } from './resilience/job-bounds.js';
export { type JobClock, systemJobClock } from './resilience/job-clock.js';
export type { JobEvent, StuckCause } from './resilience/job-event.js';
export {
  type Adaptive,
  type AimdOptions,
  aimdLimit,
  fixedLimit,
  type GradientOptions,
  gradientLimit,
  type LimitBounds,
  type LimitRule,
  type LimitSample,
  type LimitState,
} from './resilience/limit.js';
export { Limiter, type LimiterOptions } from './resilience/limiter.js';
export { LoadController, type LoadControllerOptions } from './resilience/load-controller.js';
export { type LoadModeOptions, type LoadReading, type LoadState, loadMode } from './resilience/load-mode.js';
export { ManualClock } from './resilience/manual-clock.js';
export { type CallContext, type CallOptions, type Guarded, type Policy, wrap } from './resilience/policy.js';
export type { PolicyClock } from './resilience/policy-clock.js';
export { RateLimiter } from './resilience/rate-limiter.js';
export type { RateLimiterOptions } from './resilience/rate-limiter-options.js';
export { Retry } from './resilience/retry.js';
export { RetryBudget, type RetryBudgetOptions } from './resilience/retry-budget.js';
export type { RetryOptions } from './resilience/retry-options.js';
export { InstrumentOptionError } from './resilience/setup-options.js';
export type { Supervisor, SupervisorOptions } from './resilience/supervisor.js';
export { Timeout, type TimeoutOptions } from './resilience/timeout.js';
export {
  type WorkSizeOptions,
  type WorkSizeReading,
  type WorkSizeState,
  workSize,
} from './resilience/work-size.js';
export { WorkSizer, type WorkSizerOptions } from './resilience/work-sizer.js';
export { inContext, type WorkContext } from './telemetry/context.js';
export { activeExemplar, activeTraceId } from './telemetry/host-trace.js';
export type { LogMetrics } from './telemetry/line-counts.js';
export {
  createLogger,
  LOG_LEVELS,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  type RootLogger,
} from './telemetry/logger.js';
