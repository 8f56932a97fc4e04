/** Owns the keys of the two servers beside us that are asked on behalf of people: Prometheus and Alertmanager. */
import { z } from 'zod';
import { isMap, optional, type Refuse } from './fields.js';
import { parseUrl } from './notification-fields.js';

const server = (meaning: string, example: string) =>
  z.strictObject({
    url: optional(
      {
        meaning,
        example,
        bounds: 'http or https, without user, query and fragment',
        absent: 'it is not asked',
      },
      parseUrl,
    ),
  });

/** The server that keeps the series. */
export const prometheusSchema = server(
  'Where Prometheus, or what answers its HTTP API, is reached.',
  'http://127.0.0.1:9090',
);

/** The server that groups and silences alerts. */
export const alertmanagerSchema = server('Where Alertmanager is reached.', 'http://127.0.0.1:9093');

/** Buttons and commands act through silences, so they need to know whose. */
export function checkActionsServer(notifications: unknown, alertmanager: unknown, refuse: Refuse): void {
  const bot = isMap(notifications) ? notifications.telegram : undefined;
  const actions = isMap(bot) ? bot.actions : undefined;
  if (!isMap(actions) || actions.enabled !== true) return;
  if (isMap(alertmanager) && alertmanager.url !== undefined) return;
  refuse(
    ['alertmanager', 'url'],
    'is missing although notifications.telegram.actions is enabled',
    'Write for example http://127.0.0.1:9093',
  );
}
