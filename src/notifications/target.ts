/** Owns where alerts go: which chats of which channel a receiver of Alertmanager stands for. */

/** One chat of one channel, or one topic of it. */
export interface Target {
  readonly channel: string;
  /** The chat as configured; the store knows where it has moved since. */
  readonly chat: string;
  /** Topic of a forum chat; 0 for the chat itself. */
  readonly thread: number;
}

/** Targets by name, and which names a receiver stands for. */
export interface Routing {
  /** By the name of the configuration, in its order. */
  readonly targets: ReadonlyMap<string, Target>;
  /** Receiver of Alertmanager → names of targets. */
  readonly routes: ReadonlyMap<string, readonly string[]>;
  /** The target of a receiver that nothing names. */
  readonly fallback: string;
}

/**
 * Where the alerts of a receiver go; never empty, because an alert without a way would be lost: its route, else the
 * target of the same name, else the fallback. `known` is false for the last.
 */
export function targetsOf(
  routing: Routing,
  receiver: string,
): { readonly targets: readonly Target[]; readonly known: boolean } {
  const names = routing.routes.get(receiver) ?? (routing.targets.has(receiver) ? [receiver] : undefined);
  const targets = (names ?? [routing.fallback]).flatMap((name) => routing.targets.get(name) ?? []);
  if (targets.length === 0)
    throw new RangeError(`no target for the receiver ${receiver}: the fallback is unknown`);
  return { targets, known: names !== undefined };
}
