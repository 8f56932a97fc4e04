/** Owns administration: what it may do, the record of it in the store, and the job that forgets. */
import { createHash } from 'node:crypto';
import { Buckets } from './access/buckets.js';
import type { AdminDeps } from './http/admin-api.js';
import { watchedBreakers } from './metrics/policies.js';
import type { Metrics } from './metrics/registry.js';
import type { Reload } from './reload.js';
import type { Job } from './resilience/job.js';
import {
  type AuditEntry,
  appendAudit,
  beginCall,
  endCall,
  failCall,
  forgetAudit,
} from './storage/audit-log.js';
import type { Database } from './storage/database.js';
import { errorCode } from './storage/database-errors.js';
import { currentRequestId } from './telemetry/context.js';
import type { RootLogger } from './telemetry/logger.js';

/** Lines about calls that were turned away: a flood of them must not fill the store. */
const DENIED = { burst: 60, intervalMs: 1_000 } as const;
const FORGET_EVERY_MS = 3_600_000;

/** What administration needs. */
export interface AdminOptions {
  readonly store: Database;
  readonly metrics: Metrics;
  readonly log: RootLogger;
  readonly reload: () => Reload;
  readonly nowMs: () => number;
}

/** What stands behind the routes of administration. */
export function openAdmin({ store, metrics, log, reload, nowMs }: AdminOptions): AdminDeps {
  const logger = log.named('admin');
  const denied = new Buckets(DENIED);
  return {
    async perform(call, work) {
      const { request, ...line } = call;
      const entry = (phase: AuditEntry['phase'], detail: AuditEntry['detail']): AuditEntry => ({
        ...{ ...line, phase, detail },
        requestId: currentRequestId(),
      });
      try {
        const claim = await beginCall(store, entry('begun', {}), digestOf(call.route, request));
        if (claim.kind === 'answered') return { kind: 'repeated', answer: claim.answer };
        if (claim.kind !== 'new')
          return { kind: claim.kind === 'open' ? 'key in use' : 'key of another request' };
      } catch (err) {
        logger.warn('administration without a record was refused', { err });
        return { kind: 'no record' };
      }
      logger.info('administration', { caller: call.caller, route: call.route, reason: call.reason });
      const unwritten = (err: unknown) => logger.warn('the end of a call could not be written down', { err });
      let answer: unknown;
      try {
        answer = await work();
      } catch (error) {
        // The code alone: a message can hold anything.
        await failCall(store, entry('failed', { error: errorCode(error) ?? 'UNKNOWN' })).catch(unwritten);
        throw error;
      }
      // It is done: whatever fails from here on changes what is written, not what happened.
      await endCall(store, entry('done', { answer }), answer).catch(unwritten);
      return { kind: 'done', answer };
    },
    async seen(call) {
      const absent = { reason: undefined, key: undefined, requestId: currentRequestId() };
      try {
        await appendAudit(store, { ...call, ...absent, phase: 'done', detail: {} });
        return true;
      } catch (err) {
        logger.warn('a look of administration without a record was refused', { err });
        return false;
      }
    },
    denied({ refusal, ...call }) {
      logger.warn('administration was refused', { caller: call.caller, route: call.route, refusal });
      if (denied.take('all', nowMs()) > 0) return;
      const absent = { reason: undefined, key: undefined, requestId: currentRequestId() };
      appendAudit(store, { ...call, ...absent, phase: 'denied', detail: { refusal } }).catch((err) =>
        logger.debug('a refused call could not be written down', { err }),
      );
    },
    resetBreakers(name) {
      const breakers = watchedBreakers(metrics).filter((one) => name === undefined || one.name === name);
      if (name !== undefined && breakers.length === 0) return undefined;
      for (const breaker of breakers) breaker.reset();
      return breakers.map((breaker) => breaker.name);
    },
    reload,
  };
}

/** The job that forgets what is old. */
export function forgetAuditJob(store: Database, isReady: () => boolean): Job {
  return {
    name: 'forget_administration',
    intervalMs: FORGET_EVERY_MS,
    deadlineMs: 30_000,
    backoff: { firstMs: 1_000, maxMs: 60_000 },
    run: async (signal) => {
      if (isReady()) await forgetAudit(store, signal);
    },
  };
}

function digestOf(route: string, request: string): string {
  return createHash('sha256').update(`${route}\n${request}`).digest('hex');
}
