/** Owns the keys of the sections `resources` and `health`. */
import { posix } from 'node:path';
import { z } from 'zod';
import { DEFAULT_HEALTH_WEIGHTS, HEALTH_COMPONENTS, type HealthComponent } from '../health.js';
import {
  defaulted,
  documented,
  duration,
  type FieldDoc,
  flag,
  list,
  type Reader,
  refuseTo,
  text,
  whenMap,
} from './fields.js';
import { bad, good, type Parsed } from './problem.js';

const MAX_MOUNTPOINTS = 20;
const MAX_DEVICES = 20;
const MAX_PATH_CHARACTERS = 200;
const CONTROL = /\p{Cc}/u;
/** What Linux takes as the name of a network device. */
const DEVICE = /^(?!\.{1,2}$)[^\s/:]{1,15}$/;

const mountpointsDoc: FieldDoc = {
  meaning: 'The mount points whose space is shown.',
  example: '[/, /var/lib/postgresql]',
  bounds: `1 to ${MAX_MOUNTPOINTS} absolute paths`,
  absent: '`/`, and the mount point of the embedded database',
};

const devicesDoc: FieldDoc = {
  meaning: 'The network devices whose traffic is shown.',
  example: '[eth0]',
  bounds: `1 to ${MAX_DEVICES} names`,
  absent: 'up to 16, the loopback and those of containers left out',
};

/** What is measured of the machine and of this process. */
export const resourcesSchema = z.strictObject({
  enabled: defaulted(
    {
      meaning: 'Whether processors, memory, disks and network are measured, and the health score is judged.',
      example: 'false',
      bounds: 'true or false',
      default: 'true',
    },
    flag(),
  ),
  interval: defaulted(
    {
      meaning: 'Pause between two measurements of processors, memory, network and disk traffic.',
      example: '15s',
      bounds: '1s to 5m',
      default: '5s',
    },
    duration('1s', '5m'),
  ),
  slow_interval: defaulted(
    {
      meaning: 'Pause between two measurements of file systems, descriptors and child processes.',
      example: '1m',
      bounds: '1s to 1h',
      default: '30s',
    },
    duration('1s', '1h'),
  ),
  mountpoints: documented(
    list(mountpointsDoc, text(parseMountpoint), MAX_MOUNTPOINTS).optional(),
    mountpointsDoc,
  ),
  devices: documented(list(devicesDoc, text(parseDevice), MAX_DEVICES).optional(), devicesDoc),
});

const WHAT: Readonly<Record<HealthComponent, string>> = {
  memory: 'memory in use',
  cpu: 'processors in use',
  load: 'work that waits beyond its limit',
};

const weightField = (component: HealthComponent) =>
  defaulted(
    {
      meaning: `How much ${WHAT[component]} counts; only the proportion of the weights matters.`,
      example: '0.5',
      bounds: '0 to 1; not all 0',
      default: String(DEFAULT_HEALTH_WEIGHTS[component]),
    },
    weight(),
  );

const weights = z
  .strictObject({ memory: weightField('memory'), cpu: weightField('cpu'), load: weightField('load') })
  .superRefine((value, context) => {
    if (HEALTH_COMPONENTS.some((component) => value[component] !== 0)) return;
    refuseTo(context)([], 'has only weights of 0', 'Give at least one component a weight above 0');
  }, whenMap);

/** How the health score is judged. */
export const healthSchema = z.strictObject({
  weights: documented(weights.prefault({}), {
    meaning: 'The weights of the components of the health score.',
    example: '{memory: 0.4, cpu: 0.3, load: 0.3}',
  }),
});

function weight(): Reader<number> {
  return (raw) => {
    const value = typeof raw === 'string' && /^\d*\.?\d+$/.test(raw) ? Number(raw) : raw;
    const range = 'Write a number from 0 to 1, for example 0.4';
    if (typeof value !== 'number' || Number.isNaN(value)) return bad('is not a number', range);
    if (value < 0) return bad('is below 0', range);
    if (value > 1) return bad('is above 1', range);
    return good(value);
  };
}

function parseMountpoint(path: string): Parsed<string> {
  const remedy = 'Write an absolute path as `findmnt` prints it, for example /var/lib/postgresql';
  if (!path.startsWith('/')) return bad('is not an absolute path', remedy);
  if (CONTROL.test(path)) return bad('holds a control character', remedy);
  if (path.length > MAX_PATH_CHARACTERS) return bad(`is longer than ${MAX_PATH_CHARACTERS}`, remedy);
  const normal = posix.normalize(path);
  return good(normal === '/' ? '/' : normal.replace(/\/$/, ''));
}

function parseDevice(name: string): Parsed<string> {
  if (DEVICE.test(name) && !CONTROL.test(name)) return good(name);
  return bad('is not the name of a network device', 'Write a name as `ip link` prints it, for example eth0');
}
