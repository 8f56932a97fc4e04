/** Owns the dashboard of the machine, the container and the process, and of what will run out. */
import type { DashboardSpec } from '../dashboard-spec.js';
import { chosen, limitsOf, ours } from '../selectors.js';

const FOUR_HOURS = 4 * 3600;
const TWELVE_HOURS = 12 * 3600;

export const resources: DashboardSpec = {
  uid: 'flowgauge-resources',
  title: 'Flowgauge / Resources and process',
  description:
    'Processor, memory, disks, network, event loop and heap against their limits, and what will run out.',
  variables: [],
  rows: [
    {
      title: 'Now',
      panels: [
        {
          kind: 'gauge',
          title: 'Processor',
          description:
            'Share of all cores in use over 5 minutes, of the quota in a limited container; highest instance.',
          unit: 'percentunit',
          width: 6,
          height: 6,
          min: 0,
          max: 1,
          queries: [
            { expr: `max(${chosen('instance:cpu_utilization:avg5m')})`, legend: 'processor' },
            ...limitsOf('cpu_utilization_ratio', ['warning']),
          ],
        },
        {
          kind: 'gauge',
          title: 'Memory',
          description: 'Share of the memory in use, of the limit in a limited container; highest instance.',
          unit: 'percentunit',
          width: 6,
          height: 6,
          min: 0,
          max: 1,
          queries: [
            { expr: `max(${chosen('instance:memory_utilization:ratio')})`, legend: 'memory' },
            ...limitsOf('memory_utilization_ratio', ['warning']),
          ],
        },
        {
          kind: 'gauge',
          title: 'Fullest disk',
          description: 'Share of the space in use of the fullest file system.',
          unit: 'percentunit',
          width: 6,
          height: 6,
          min: 0,
          max: 1,
          queries: [
            { expr: `max(${chosen('mountpoint:filesystem_utilization:ratio')})`, legend: 'disk' },
            ...limitsOf('filesystem_utilization_ratio', ['warning']),
          ],
        },
        {
          kind: 'gauge',
          title: 'JavaScript heap',
          description: 'Share of the largest heap that V8 allows; at the limit the process ends.',
          unit: 'percentunit',
          width: 6,
          height: 6,
          min: 0,
          max: 1,
          queries: [
            { expr: `max(${chosen('instance:heap_utilization:ratio')})`, legend: 'heap' },
            ...limitsOf('heap_utilization_ratio', ['warning']),
          ],
        },
      ],
    },
    {
      title: 'Machine',
      panels: [
        {
          kind: 'graph',
          title: 'Processor',
          description: 'Share of the cores in use, with the limits of the alerts.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          queries: [
            { expr: chosen('system_cpu_utilization_ratio'), legend: '{{instance}}' },
            ...limitsOf('cpu_utilization_ratio', ['warning', 'critical']),
          ],
        },
        {
          kind: 'graph',
          title: 'Load',
          description: 'Tasks that run or wait, averaged; above the number of cores they wait.',
          unit: 'short',
          queries: [
            { expr: chosen('system_load_average'), legend: '{{window}} {{instance}}' },
            { expr: chosen('system_cpu_cores'), legend: 'cores {{instance}}', limit: 'bound' },
          ],
        },
        {
          kind: 'graph',
          title: 'Memory',
          description: 'Memory and swap in use against what there is, and the absolute limits of the alerts.',
          unit: 'bytes',
          queries: [
            { expr: chosen('system_memory_used_bytes'), legend: 'used {{instance}}' },
            { expr: chosen('system_swap_used_bytes'), legend: 'swap used {{instance}}' },
            { expr: chosen('system_memory_total_bytes'), legend: 'total {{instance}}', limit: 'bound' },
            ...limitsOf('memory_used_bytes', ['warning', 'critical']),
          ],
        },
        {
          kind: 'graph',
          title: 'Disks in use',
          description: 'Share of the space of each file system in use, with the limits of the alerts.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          queries: [
            {
              expr: chosen('mountpoint:filesystem_utilization:ratio'),
              legend: '{{mountpoint}} {{instance}}',
            },
            ...limitsOf('filesystem_utilization_ratio', ['warning', 'critical']),
          ],
        },
        {
          kind: 'graph',
          title: 'Disk traffic',
          description: 'Bytes per second read from and written to all disks.',
          unit: 'Bps',
          queries: [
            {
              expr: `rate(${chosen('system_disk_bytes_total')}[$__rate_interval])`,
              legend: '{{direction}} {{instance}}',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Network traffic',
          description:
            'Bytes per second through each device; errors are packets per second, and should be none.',
          unit: 'Bps',
          queries: [
            {
              expr: `rate(${chosen('system_network_bytes_total')}[$__rate_interval])`,
              legend: '{{device}} {{direction}} {{instance}}',
            },
            {
              expr: `rate(${chosen('system_network_errors_total')}[$__rate_interval]) > 0`,
              legend: 'errors {{device}} {{direction}} {{instance}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Process',
      panels: [
        {
          kind: 'graph',
          title: 'Event loop delay, 99 %',
          description:
            'How late the event loop ran 99 of 100 timers at most; above the limit something computes without a pause.',
          unit: 's',
          queries: [
            {
              expr: `histogram_quantile(0.99, sum by (instance, le) (rate(${chosen('nodejs_eventloop_delay_seconds_bucket')}[$__rate_interval])))`,
              legend: '{{instance}}',
            },
            ...limitsOf('event_loop_delay_seconds', ['warning', 'critical']),
          ],
        },
        {
          kind: 'graph',
          title: 'Heap against its limit',
          description:
            'JavaScript heap in use, the heap at which the process ends, and the memory of the whole process.',
          unit: 'bytes',
          queries: [
            { expr: chosen('nodejs_heap_used_bytes'), legend: 'heap {{instance}}' },
            { expr: ours('process_resident_memory_bytes'), legend: 'process {{instance}}' },
            { expr: chosen('nodejs_heap_limit_bytes'), legend: 'heap limit {{instance}}', limit: 'bound' },
          ],
        },
        {
          kind: 'graph',
          title: 'Processor of the process',
          description: 'Processor seconds per second; 1 is a whole core.',
          unit: 'short',
          queries: [
            {
              expr: `rate(${chosen('process_cpu_seconds_total')}[$__rate_interval]) and on (job, instance) ${chosen('flowgauge_series')}`,
              legend: '{{instance}}',
            },
          ],
        },
        {
          kind: 'graph',
          title: 'Open files',
          description:
            'Share of the file descriptors and sockets that the process may have, with the limits of the alerts.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          queries: [
            { expr: ours('instance:file_descriptors:ratio'), legend: '{{instance}}' },
            ...limitsOf('file_descriptors_ratio', ['warning', 'critical']),
          ],
        },
        {
          kind: 'graph',
          title: 'Child processes',
          description: 'Living processes that descend from this one, such as those of the embedded database.',
          unit: 'short',
          queries: [{ expr: chosen('process_children'), legend: '{{instance}}' }],
        },
        {
          kind: 'number',
          title: 'Running since',
          description: 'When the process started. A moment that keeps moving is a process that keeps dying.',
          unit: 'dateTimeFromNow',
          queries: [{ expr: `1000 * (${ours('process_start_time_seconds')})`, legend: '{{instance}}' }],
        },
      ],
    },
    {
      title: 'Predictions',
      panels: [
        {
          kind: 'graph',
          title: 'Memory in 4 hours',
          description:
            'Where the memory will be if the last hour goes on; dashed: what there is. Above it memory runs out. Trust it after an hour of history.',
          unit: 'bytes',
          width: 12,
          queries: [
            {
              expr: `clamp_min(predict_linear(${chosen('system_memory_used_bytes')}[1h], ${FOUR_HOURS}), 0)`,
              legend: 'in 4 hours {{instance}}',
            },
            { expr: chosen('system_memory_used_bytes'), legend: 'now {{instance}}' },
            { expr: chosen('system_memory_total_bytes'), legend: 'total {{instance}}', limit: 'bound' },
          ],
        },
        {
          kind: 'graph',
          title: 'Disks in 12 hours',
          description: 'Where the disks will be if the last 3 hours go on; dashed: their size.',
          unit: 'bytes',
          width: 12,
          queries: [
            {
              expr: `clamp_min(predict_linear(${chosen('system_filesystem_used_bytes')}[3h], ${TWELVE_HOURS}), 0)`,
              legend: 'in 12 hours {{mountpoint}} {{instance}}',
            },
            {
              expr: chosen('system_filesystem_total_bytes'),
              legend: 'size {{mountpoint}} {{instance}}',
              limit: 'bound',
            },
          ],
        },
      ],
    },
  ],
};
