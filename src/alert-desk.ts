/** Owns the part of the exporter that is about alerts: the ways to people, and planned work beside them. */
import type { ValidConfig } from './config/valid-config.js';
import { type MaintenanceKeeper, openMaintenance } from './maintenance-keeper.js';
import { openRelay, type Relay, type RelayOptions } from './notification-relay.js';
import type { Job } from './resilience/job.js';

/** What the desk needs. */
export interface AlertDeskOptions
  extends Pick<
    RelayOptions,
    'store' | 'metrics' | 'log' | 'holder' | 'isReady' | 'failpoint' | 'views' | 'wallMs'
  > {
  readonly config: ValidConfig;
  /** One of several replicas speaks to Alertmanager. */
  readonly isLeader: () => boolean;
  /** Monotonic clock in milliseconds. */
  readonly nowMs: () => number;
}

/** What is configured of the two. */
export interface AlertDesk {
  readonly relay: Relay | undefined;
  readonly maintenance: MaintenanceKeeper | undefined;
  jobs(): readonly Job[];
}

/** The desk of an exporter. Each of the two asks the other: a command in the chat for quiet, the end of quiet for a message. */
export function openAlertDesk({ config, isLeader, nowMs, ...parts }: AlertDeskOptions): AlertDesk {
  const { notifications } = config;
  const maintenance = openMaintenance({
    ...parts,
    config,
    isLeader,
    nowMs,
    takeIn: async (batch) => relay?.http.takeIn(batch, undefined),
  });
  const relay =
    notifications === undefined
      ? undefined
      : openRelay({ ...parts, config: notifications, maintenance: maintenance?.chat });
  return {
    relay,
    maintenance,
    jobs: () => [...(relay?.jobs() ?? []), ...(maintenance?.jobs() ?? [])],
  };
}
