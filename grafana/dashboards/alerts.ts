/** Owns the dashboard of alerts, of the messages about them, and of what is silenced. */
import type { DashboardSpec } from '../dashboard-spec.js';
import { alertsOf, chosen, limitsOf } from '../selectors.js';
import { ALERT_COLUMNS } from './overview.js';

export const alerts: DashboardSpec = {
  uid: 'flowgauge-alerts',
  title: 'Flowgauge / Alerts and notifications',
  description: 'What fires, what fired, and whether people were told.',
  variables: [],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          kind: 'table',
          title: 'Firing and pending',
          description:
            'Pending alerts have their condition, but not long enough. Tier 2 and 3 are escalations.',
          unit: 'none',
          width: 18,
          height: 10,
          queries: [{ expr: alertsOf('alertname!="Watchdog"') }],
          columns: { ...ALERT_COLUMNS, tier: 'Tier' },
          noValue: 'none',
        },
        {
          kind: 'number',
          title: 'The pipeline works',
          description:
            'Whether Prometheus evaluates rules and reaches an Alertmanager, and how long ago the dead-man switch arrived at the relay.',
          unit: 'none',
          width: 6,
          height: 10,
          queries: [
            { expr: 'count(ALERTS{alertname="Watchdog",alertstate="firing"}) > bool 0', legend: 'rules' },
            {
              expr: 'min(prometheus_notifications_alertmanagers_discovered) > bool 0',
              legend: 'Alertmanager',
            },
            {
              expr: `time() - max(${chosen('notification_watchdog_timestamp_seconds')}) < bool scalar(min(${chosen('instance:threshold:effective', 'threshold="watchdog_age_seconds",severity="critical"')}))`,
              legend: 'relay',
            },
          ],
          colours: 'background',
          words: [
            { value: 0, text: 'no', colour: 'red' },
            { value: 1, text: 'yes', colour: 'green' },
          ],
        },
      ],
    },
    {
      title: 'History',
      panels: [
        {
          kind: 'graph',
          title: 'Firing alerts',
          description: 'How many alerts were firing, by severity.',
          unit: 'short',
          width: 12,
          drawn: 'stacked',
          queries: [
            {
              expr: `count by (severity) (${alertsOf('alertstate="firing",alertname!="Watchdog",tier=""')})`,
              legend: '{{severity}}',
            },
          ],
          noValue: 'none',
        },
        {
          kind: 'states',
          title: 'Which fired',
          description: 'One line per alert that was pending or firing.',
          unit: 'none',
          width: 12,
          queries: [
            {
              expr: `max by (alertname, severity) (${alertsOf('alertstate="firing",alertname!="Watchdog"')} * 2 or ${alertsOf('alertstate="pending",alertname!="Watchdog"')})`,
              legend: '{{alertname}} {{severity}}',
            },
          ],
          words: [
            { value: 1, text: 'pending', colour: 'yellow' },
            { value: 2, text: 'firing', colour: 'red' },
          ],
          noValue: 'none',
        },
        {
          kind: 'graph',
          title: 'Alert events stored',
          description: 'Alerts that began or ended and reached the relay, within each interval.',
          unit: 'short',
          width: 12,
          drawn: 'bars',
          queries: [
            {
              expr: `sum by (alertname, status) (increase(${chosen('alert_events_total')}[$__rate_interval])) > 0`,
              legend: '{{alertname}} {{status}}',
            },
          ],
          noValue: 'none',
        },
        {
          kind: 'graph',
          title: 'Alertmanager notifications',
          description: 'Requests of Alertmanager to its receivers per second, and those that failed.',
          unit: 'reqps',
          width: 12,
          queries: [
            {
              expr: 'sum by (integration) (rate(alertmanager_notification_requests_total[$__rate_interval])) > 0',
              legend: 'sent {{integration}}',
            },
            {
              expr: 'sum(rate(alertmanager_notification_requests_failed_total[$__rate_interval]))',
              legend: 'failed',
            },
          ],
          noValue: 'none',
        },
      ],
    },
    {
      title: 'Messages to people',
      panels: [
        {
          kind: 'graph',
          title: 'Messages by state',
          description:
            'Messages of the outbox: queued and sending ones must not stay; dead ones were given up.',
          unit: 'short',
          queries: [
            {
              expr: `max by (channel, state) (${chosen('notification_messages', 'state!="sent"')})`,
              legend: '{{channel}} {{state}}',
            },
          ],
          noValue: 'no channel',
        },
        {
          kind: 'graph',
          title: 'Attempts by outcome',
          description: 'Limited was told to wait, transient is tried again, permanent is given up.',
          unit: 'ops',
          drawn: 'stacked',
          queries: [
            {
              expr: `sum by (channel, outcome) (rate(${chosen('notification_attempts_total')}[$__rate_interval]))`,
              legend: '{{channel}} {{outcome}}',
            },
          ],
          noValue: 'no channel',
        },
        {
          kind: 'graph',
          title: 'Time to delivery',
          description:
            'From the intake of an alert to the confirmation of the channel: half and 95 of 100 messages.',
          unit: 's',
          queries: [
            {
              expr: `histogram_quantile(0.5, sum by (channel, le) (rate(${chosen('notification_delivery_seconds_bucket')}[$__rate_interval])))`,
              legend: 'median {{channel}}',
            },
            {
              expr: `histogram_quantile(0.95, sum by (channel, le) (rate(${chosen('notification_delivery_seconds_bucket')}[$__rate_interval])))`,
              legend: '95 % {{channel}}',
            },
          ],
          noValue: 'no message',
        },
        {
          kind: 'graph',
          title: 'Success',
          description:
            'Share of the attempts of an hour that the channel accepted, with the limits of the alerts.',
          unit: 'percentunit',
          queries: [
            {
              expr: `min by (channel) (${chosen('channel:notification_success:ratio1h')})`,
              legend: '{{channel}}',
            },
            ...limitsOf('notification_success_ratio', ['warning', 'critical']),
          ],
          noValue: 'no attempt',
        },
        {
          kind: 'graph',
          title: 'Dead letters',
          description: 'Messages that were given up and not put back into the queue since.',
          unit: 'short',
          queries: [
            {
              expr: `max by (channel) (${chosen('notification_dead_letters')})`,
              legend: '{{channel}}',
            },
            ...limitsOf('notification_dead_letters', ['warning', 'critical']),
          ],
        },
        {
          kind: 'graph',
          title: 'Longest wait in the queue',
          description: 'Age of the oldest message that waits; absent while none does.',
          unit: 's',
          queries: [
            {
              expr: `time() - min by (channel) (${chosen('notification_oldest_queued_timestamp_seconds')})`,
              legend: '{{channel}}',
            },
            ...limitsOf('notification_age_seconds', ['warning', 'critical']),
          ],
        },
      ],
    },
    {
      title: 'Silences',
      panels: [
        {
          kind: 'graph',
          title: 'Silences',
          description: 'Silences of Alertmanager by state; an active one that nobody remembers hides alerts.',
          unit: 'short',
          width: 12,
          queries: [{ expr: 'max by (state) (alertmanager_silences)', legend: '{{state}}' }],
        },
        {
          kind: 'graph',
          title: 'Alerts in Alertmanager',
          description:
            'Alerts that Alertmanager holds: active ones are sent, suppressed ones are silenced or inhibited.',
          unit: 'short',
          width: 12,
          queries: [{ expr: 'max by (state) (alertmanager_alerts)', legend: '{{state}}' }],
        },
      ],
    },
  ],
};
