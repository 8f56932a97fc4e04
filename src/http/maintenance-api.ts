/** Owns the HTTP of planned work and of alerts that somebody calls resolved. */
import { AlertmanagerError } from '../alerts/alertmanager.js';
import { guardedMatchers, type Matcher } from '../alerts/silence.js';
import type { MaintenanceWindow, Occurrence } from '../maintenance/windows.js';
import { DURATION_MINUTES, stateOf, type Wish } from '../maintenance/wish.js';
import { ADMIN_BYTES, type AdminDeps, performOnce, reasonOf, repeatable } from './admin-api.js';
import { type Answer, type FaceRequest, jsonAnswer } from './answer.js';
import { badField, HttpProblem, notConfigured, storeUnavailable, unavailable } from './problem.js';
import { jsonFields, requireJson } from './request-body.js';

const DEFAULT_MINUTES = 60;
const LONGEST_NAME = 200;

/** Whether Alertmanager has a silence: `pending` ones are made as soon as it answers. */
export type SilenceState = 'active' | 'pending';

/** What stands behind the routes. Every promise rejects with the store's errors or an AlertmanagerError. */
export interface MaintenanceDeps {
  /** Name of the alert that is never silenced. */
  readonly watchdog: string;
  /** Conditions of maintenance that names none. */
  defaultMatchers(): readonly Matcher[];
  /** Wants quiet for `minutes` from now; for the same conditions it changes what is on. */
  enable(ask: {
    readonly minutes: number;
    readonly matchers: readonly Matcher[];
    readonly owner: string;
    readonly reason: string;
  }): Promise<{ readonly wish: Wish; readonly state: SilenceState }>;
  /** Ends all maintenance, that of windows for this time too; answers what was on, and whether Alertmanager has ended it. */
  disable(by: string): Promise<{ readonly wishes: readonly Wish[]; readonly state: 'ended' | 'ending' }>;
  status(): Promise<{
    readonly at: Date;
    /** What is on, the oldest first. */
    readonly wishes: readonly Wish[];
    /** What is over, while Alertmanager may still be silent. */
    readonly ending: readonly Wish[];
    readonly windows: readonly (MaintenanceWindow & { readonly next: Occurrence | undefined })[];
  }>;
  /** Calls the alerts of this name about this component resolved; undefined when none fires. */
  resolve(ask: {
    readonly component: string;
    readonly alertType: string;
    readonly by: string;
    readonly reason: string;
  }): Promise<
    | {
        readonly alerts: number;
        readonly state: SilenceState;
        readonly lastedSeconds: number;
        readonly wishes: readonly Wish[];
      }
    | undefined
  >;
}

/** Every route of planned work answers this where no Alertmanager is configured. */
export function needed(maintenance: MaintenanceDeps | undefined): MaintenanceDeps {
  if (maintenance !== undefined) return maintenance;
  throw notConfigured('planned work is kept as silences of Alertmanager', 'write alertmanager.url');
}

/** `GET /api/monitoring/maintenance` */
export async function showMaintenance(maintenance: MaintenanceDeps): Promise<Answer> {
  const { at, wishes, ending, windows } = await orProblem(() => maintenance.status());
  const on = wishes.filter(({ kind }) => kind !== 'resolve');
  return jsonAnswer(200, {
    timestamp: at.toISOString(),
    maintenance_mode: on.length > 0,
    maintenance_until: on.length === 0 ? null : moment(Math.max(...on.map(({ untilMs }) => untilMs))),
    silences: [...wishes, ...ending].sort((a, b) => Number(a.id) - Number(b.id)).map(wishBody),
    windows: windows.map(({ name, cron, timeZone, durationMs, next }) => ({
      window: name,
      cron,
      time_zone: timeZone,
      duration_minutes: durationMs / 60_000,
      active: wishes.some((wish) => wish.kind === 'window' && wish.name === name),
      next_start: next === undefined ? null : moment(next.startsAtMs),
      next_end: next === undefined ? null : moment(next.endsAtMs),
    })),
  });
}

/** `POST /api/monitoring/maintenance/enable?duration_minutes=60`, and perhaps `{"matchers": {"flow": "tokens"}, "reason": "…"}` */
export async function enableMaintenance(
  admin: AdminDeps,
  maintenance: MaintenanceDeps,
  request: FaceRequest,
): Promise<Answer> {
  const minutes = minutesOf(request.query.get('duration_minutes'));
  const { body, text } = await bodyOf(request);
  const matchers = matchersOf(body.matchers, maintenance);
  const call = { route: '/api/monitoring/maintenance/enable', reason: whyOf(body), text };
  const { answer, isRepeated } = await performOnce(admin, request, call, () =>
    orProblem(async () => {
      const owner = request.caller.name;
      const { wish, state } = await maintenance.enable({ minutes, matchers, owner, reason: call.reason });
      return {
        timestamp: moment(wish.nowMs),
        maintenance_mode: true,
        duration_minutes: minutes,
        status: 'enabled',
        ...wishBody(wish),
        state,
      };
    }),
  );
  return repeatable(jsonAnswer(200, answer), isRepeated);
}

/** `POST /api/monitoring/maintenance/disable`, and perhaps `{"reason": "…"}` */
export async function disableMaintenance(
  admin: AdminDeps,
  maintenance: MaintenanceDeps,
  request: FaceRequest,
): Promise<Answer> {
  const { body, text } = await bodyOf(request);
  const call = { route: '/api/monitoring/maintenance/disable', reason: whyOf(body), text };
  const { answer, isRepeated } = await performOnce(admin, request, call, () =>
    orProblem(async () => {
      const { wishes: ended, state } = await maintenance.disable(request.caller.name);
      const { at } = await maintenance.status();
      return {
        timestamp: at.toISOString(),
        maintenance_mode: false,
        status: 'disabled',
        ended: ended.map(({ id }) => Number(id)),
        state,
      };
    }),
  );
  return repeatable(jsonAnswer(200, answer), isRepeated);
}

/** `POST /api/monitoring/alerts/resolve?component=tokens&alert_type=FlowStalled`, and perhaps `{"reason": "…"}` */
export async function resolveAlert(
  admin: AdminDeps,
  maintenance: MaintenanceDeps,
  request: FaceRequest,
): Promise<Answer> {
  const component = nameOf(request.query, 'component');
  const alertType = nameOf(request.query, 'alert_type');
  if (alertType === maintenance.watchdog)
    throw badField('alert_type', alertType, 'another alert: this one is the sign of life of all others');
  const { body, text } = await bodyOf(request);
  const call = { route: '/api/monitoring/alerts/resolve', reason: whyOf(body), text };
  const by = request.caller.name;
  const { answer, isRepeated } = await performOnce(admin, request, call, () =>
    orProblem(async () => {
      const done = await maintenance.resolve({ component, alertType, by, reason: call.reason });
      if (done === undefined) return null;
      const { alerts, state, lastedSeconds, wishes } = done;
      const [first] = wishes;
      return {
        timestamp: moment(first!.nowMs),
        group_id: `${alertType}:${component}`,
        notification: `RESOLVED by ${by}: ${alertType} of ${component} after ${Math.round(lastedSeconds)} s`,
        status: 'resolved',
        alerts,
        duration_minutes: lastedSeconds / 60,
        silenced_until: moment(first!.untilMs),
        state,
      };
    }),
  );
  if (answer === null) throw new HttpProblem(NOT_FIRING);
  return repeatable(jsonAnswer(200, answer), isRepeated);
}

function wishBody(wish: Wish) {
  const { id, kind, name, matchers, owner, reason, startsAtMs, untilMs, silenceId } = wish;
  return {
    id: Number(id),
    kind,
    window: kind === 'resolve' ? null : name,
    matchers: matchers.map((one) => ({ name: one.name, value: one.value, is_equal: one.isEqual })),
    by: owner,
    reason,
    from: moment(startsAtMs),
    until: moment(untilMs),
    state: stateOf(wish),
    silence_id: silenceId ?? null,
  };
}

function moment(ms: number): string {
  return new Date(ms).toISOString();
}

function minutesOf(text: string | null): number {
  if (text === null) return DEFAULT_MINUTES;
  const { least, most } = DURATION_MINUTES;
  const minutes = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (minutes >= least && minutes <= most) return minutes;
  throw badField('duration_minutes', text, `one whole number from ${least} to ${most}`);
}

function nameOf(query: URLSearchParams, field: string): string {
  const text = query.get(field) ?? '';
  if (text !== '' && text.length <= LONGEST_NAME && !/[\p{Cc}\p{Surrogate}]/u.test(text)) return text;
  throw badField(field, text, `1 to ${LONGEST_NAME} characters, as in the list of alerts`);
}

function matchersOf(value: unknown, { defaultMatchers, watchdog }: MaintenanceDeps): readonly Matcher[] {
  if (value === undefined) return defaultMatchers();
  const remedy = 'labels with one value each, such as {"flow": "tokens"}';
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badField('matchers', JSON.stringify(value) ?? '', remedy);
  const labels = Object.entries(value).map(([name, text]) => [name, String(text)] as const);
  const guarded = guardedMatchers(labels, watchdog);
  const areTexts = Object.values(value).every((text) => typeof text === 'string');
  if (guarded.ok && areTexts) return guarded.matchers;
  throw badField('matchers', JSON.stringify(value), guarded.ok ? remedy : guarded.remedy);
}

/** The seed of these routes has no body; whoever sends one may say why. */
function whyOf({ reason }: Readonly<Record<string, unknown>>): string {
  return reason === undefined ? 'no reason was given' : reasonOf(reason);
}

async function bodyOf(
  request: FaceRequest,
): Promise<{ readonly body: Readonly<Record<string, unknown>>; readonly text: string }> {
  const text = await request.body(ADMIN_BYTES);
  const sent = `${request.query}\n${text}`;
  if (text.trim() === '') return { body: {}, text: sent };
  requireJson(request.headers);
  return { body: jsonFields(text, 'a JSON object, or nothing'), text: sent };
}

async function orProblem<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof HttpProblem) throw error;
    if (!(error instanceof AlertmanagerError)) throw storeUnavailable();
    throw unavailable(
      'ALERTMANAGER_FAILED',
      'Alertmanager did not answer, so what fires is not known',
      'see that it runs, and look at alertmanager.url',
    );
  }
}

const NOT_FIRING = {
  status: 404,
  title: 'Not Found',
  code: 'ALERT_NOT_FIRING',
  detail: 'no alert of this name fires for this component',
  remedy: 'see the list of alerts for what fires and what it is about',
};
