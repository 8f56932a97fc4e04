/** Owns the flowgauge.yml texts that watch the demo's tables. */
import { ARCHIVE_REASONS, TOKEN_MOVES, TOKEN_STATUSES } from './lifecycle.js';
import { REPLAY_TABLE } from './replay.js';

/** Which table is to be watched. The statuses of a replay are those of its log. */
export type WatchedDemo =
  | { readonly kind: 'tokens' }
  | { readonly kind: 'replay'; readonly statuses: readonly string[]; readonly table?: string };

/** The `flows` part of a configuration file; the databases are named elsewhere. */
export function flowgaugeYaml(demo: WatchedDemo): string {
  return demo.kind === 'tokens' ? tokensYaml() : replayYaml(demo.table ?? REPLAY_TABLE, demo.statuses);
}

function tokensYaml(): string {
  return `flows:
  tokens:
    table: public.tokens
    key: mint_address
    status: status
    created_at: created_at
    updated_at: last_updated_at
    statuses: ${list(TOKEN_STATUSES)}
    moves: ${list(TOKEN_MOVES)}
    limits: { monitoring: { warning: 3m, critical: 15m } }
    reason: { column: archive_reason, values: ${list(ARCHIVE_REASONS)} }
`;
}

function replayYaml(table: string, statuses: readonly string[]): string {
  return `flows:
  replay:
    table: ${JSON.stringify(table)}
    key: item
    status: status
    created_at: created_at
    moved_at: moved_at
    repeats: count
    statuses: ${list(statuses)}
`;
}

/** Every element quoted: a bare 1 would be read as a number, a bare no as false. */
function list(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(', ')}]`;
}
