/** Owns the HTTP of health: one word and why, jobs, resources, performance, urgency, Telegram; all of it from memory. */
import { isEnough } from '../access/role.js';
import type { HealthFacts } from '../operations/health-facts.js';
import { overviewOf } from '../operations/health-overview.js';
import { performanceBody } from '../operations/health-performance-body.js';
import { priorityBody } from '../operations/health-priority.js';
import { HISTORY_MINUTES, resourceHistoryBody } from '../operations/health-resource-history.js';
import { resourceStatusBody, resourcesBody } from '../operations/health-resources.js';
import { schedulerBody } from '../operations/health-scheduler.js';
import { telegramBody } from '../operations/health-telegram.js';
import { type Answer, type FaceRequest, jsonAnswer } from './answer.js';
import { notConfigured } from './problem.js';
import { wholeNumber } from './query-number.js';

/** What stands behind the routes of health. */
export interface HealthDeps {
  readonly facts: HealthFacts;
}

/** `GET /health`: 503 on a critical condition. The reasons name parts of the system, so they are for callers who may read. */
export function showHealth({ facts }: HealthDeps, { caller }: FaceRequest): Answer {
  const { status, body } = overviewOf(facts);
  const shown = isEnough(caller.grants, 'read') ? body : { status, timestamp: body.timestamp };
  return jsonAnswer(status === 'unhealthy' ? 503 : 200, shown);
}

/** `GET /health/scheduler` */
export function showScheduler({ facts }: HealthDeps): Answer {
  return jsonAnswer(200, schedulerBody(facts));
}

/** `GET /health/performance` */
export function showPerformance({ facts }: HealthDeps): Answer {
  return jsonAnswer(200, performanceBody(facts));
}

/** `GET /health/resources`; 503 when measuring is off. */
export function showResources({ facts }: HealthDeps): Answer {
  return jsonAnswer(200, resourcesBody(facts) ?? refuse(...NO_RESOURCES));
}

/** `GET /resources/status`; 503 when measuring is off. */
export function showResourceStatus({ facts }: HealthDeps): Answer {
  return jsonAnswer(200, resourceStatusBody(facts) ?? refuse(...NO_RESOURCES));
}

/** `GET /resources/history?minutes=60`; 503 when measuring is off. */
export function showResourceHistory({ facts }: HealthDeps, { query }: FaceRequest): Answer {
  const minutes = wholeNumber(query, 'minutes', HISTORY_MINUTES);
  return jsonAnswer(200, resourceHistoryBody(facts, minutes) ?? refuse(...NO_RESOURCES));
}

/** `GET /health/priority`; 503 when no status has a limit. */
export function showPriority({ facts }: HealthDeps): Answer {
  return jsonAnswer(200, priorityBody(facts) ?? refuse(...NO_LIMITS));
}

/** `GET /telegram/status`; 503 when Telegram is not configured. */
export function showTelegram({ facts }: HealthDeps): Answer {
  return jsonAnswer(200, telegramBody(facts) ?? refuse(...NO_TELEGRAM));
}

const NO_RESOURCES = ['the machine is not measured', 'set resources.enabled: true'] as const;
const NO_LIMITS = [
  'no status of a flow that is counted has a limit, so nothing is more urgent than anything else',
  'give a status its longest time: flows.<name>.limits',
] as const;
const NO_TELEGRAM = [
  'neither a chat nor a probe of Telegram is configured',
  'name a chat in notifications.telegram.chats, or a probe of the kind telegram in probes',
] as const;

function refuse(detail: string, remedy: string): never {
  throw notConfigured(detail, remedy);
}
