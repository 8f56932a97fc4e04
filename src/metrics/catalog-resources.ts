/** Owns the series about the machine, the container and this process, and about the health judged from them. */
import type { MetricSpec } from './define.js';

const RESOURCE = { stability: 'stable', feature: 'resource' } as const;
/** What was not measured has no honest number; 0 would read as an idle, empty machine. */
const MEASURED = { ...RESOURCE, starts: 'absent' } as const;

const MOUNTPOINT = '`resources.mountpoints`; without them `/` and the mount point of the embedded database';
const DEVICE =
  '`resources.devices`; without them up to 16 devices, the loopback and those of containers left out';

export const resourceMetrics = {
  cpuUtilization: {
    name: 'system_cpu_utilization_ratio',
    help: 'Share of the processors in use since the measurement before, 0 to 1; of the quota when the container has one. Source: /proc/stat, or the processor time of the control group.',
    type: 'gauge',
    unit: 'ratio',
    labels: {},
    ...MEASURED,
  },
  cpuCores: {
    name: 'system_cpu_cores',
    help: 'Processors that may be used; a fraction when the container has a quota.',
    type: 'gauge',
    unit: undefined,
    labels: {},
    ...MEASURED,
  },
  loadAverage: {
    name: 'system_load_average',
    help: 'Tasks of the whole machine that run or wait to run, or for a disk, on average. Source: /proc/loadavg.',
    type: 'gauge',
    unit: undefined,
    labels: { window: '`1m`, `5m`, `15m`' },
    ...MEASURED,
  },
  memoryUsed: {
    name: 'system_memory_used_bytes',
    help: 'Memory that could not be had without swapping, in bytes; in a limited container what it uses without the file cache that is given back first. Source: /proc/meminfo, or the control group.',
    type: 'gauge',
    unit: 'bytes',
    labels: {},
    ...MEASURED,
  },
  memoryTotal: {
    name: 'system_memory_total_bytes',
    help: 'Memory that there is, in bytes: the limit of the container when it has one below the memory of the machine.',
    type: 'gauge',
    unit: 'bytes',
    labels: {},
    ...MEASURED,
  },
  swapUsed: {
    name: 'system_swap_used_bytes',
    help: 'Swap of the machine in use, in bytes. Source: /proc/meminfo.',
    type: 'gauge',
    unit: 'bytes',
    labels: {},
    ...MEASURED,
  },
  swapTotal: {
    name: 'system_swap_total_bytes',
    help: 'Swap of the machine, in bytes; 0 without any. Source: /proc/meminfo.',
    type: 'gauge',
    unit: 'bytes',
    labels: {},
    ...MEASURED,
  },
  filesystemUsed: {
    name: 'system_filesystem_used_bytes',
    help: 'Space in use on a file system, in bytes. Source: statfs.',
    type: 'gauge',
    unit: 'bytes',
    labels: { mountpoint: MOUNTPOINT },
    ...MEASURED,
  },
  filesystemTotal: {
    name: 'system_filesystem_total_bytes',
    help: 'Space of a file system that is in use or free for everybody, in bytes; what only root may fill is not in it, so used equals total when writing fails. Source: statfs.',
    type: 'gauge',
    unit: 'bytes',
    labels: { mountpoint: MOUNTPOINT },
    ...MEASURED,
  },
  networkBytes: {
    name: 'system_network_bytes_total',
    help: 'Bytes through a network device since it came up. Source: /proc/net/dev.',
    type: 'counter',
    unit: 'bytes',
    labels: { device: DEVICE, direction: '`receive`, `transmit`' },
    ...MEASURED,
  },
  networkErrors: {
    name: 'system_network_errors_total',
    help: 'Packets that a network device received or sent with an error since it came up. Source: /proc/net/dev.',
    type: 'counter',
    unit: undefined,
    labels: { device: DEVICE, direction: '`receive`, `transmit`' },
    ...MEASURED,
  },
  diskBytes: {
    name: 'system_disk_bytes_total',
    help: 'Bytes read from and written to all disks since the machine started. Source: /proc/diskstats.',
    type: 'counter',
    unit: 'bytes',
    labels: { direction: '`read`, `write`' },
    ...MEASURED,
  },
  processChildren: {
    name: 'process_children',
    help: 'Living processes that descend from this one, such as those of the embedded database. Source: /proc.',
    type: 'gauge',
    unit: undefined,
    labels: {},
    ...MEASURED,
  },
  heapUsed: {
    name: 'nodejs_heap_used_bytes',
    help: 'JavaScript heap in use, in bytes. Source: V8.',
    type: 'gauge',
    unit: 'bytes',
    labels: {},
    ...MEASURED,
  },
  heapLimit: {
    name: 'nodejs_heap_limit_bytes',
    help: 'Size of the JavaScript heap at which the process ends for want of memory, in bytes. Source: V8.',
    type: 'gauge',
    unit: 'bytes',
    labels: {},
    ...MEASURED,
  },
  healthScore: {
    name: 'health_score',
    help: 'Health from 0 (nothing left) to 100 (all well): the weighted mean of the components that are known.',
    type: 'gauge',
    unit: undefined,
    labels: {},
    ...MEASURED,
  },
  healthComponentScore: {
    name: 'health_component_score',
    help: 'Health of one component from 0 to 100: memory loses 1.5 points per percent in use, cpu 1.2, load 1 per percent of the work with a limit that waits beyond it (of the worst flow). Absent while it is not known.',
    type: 'gauge',
    unit: undefined,
    labels: { component: '`memory`, `cpu`, `load`' },
    ...MEASURED,
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
