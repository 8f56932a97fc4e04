/** Owns the proof that the demo's configuration texts are accepted and say what the tables are. */
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { flowgaugeYaml } from '../../src/demo/watch-config.js';

const parse = (flows: string) =>
  parseConfig(`source: { url: "postgres://u@127.0.0.1:1/d" }\n${flows}`, { fileName: 'demo', env: {} });

describe('configuration of the demo', () => {
  test('tokens', () => {
    const [flow] = parse(flowgaugeYaml({ kind: 'tokens' })).flows;
    expect(flow).toMatchObject({
      name: 'tokens',
      table: { schema: 'public', name: 'tokens' },
      key: ['mint_address'],
      statuses: ['monitoring', 'active', 'archived'],
      repeats: 'ignore',
      reason: { column: 'archive_reason', values: ['monitoring_timeout', 'low_activity'] },
    });
  });

  test('a replay, with statuses that YAML would take for something else', () => {
    const statuses = ['1', '2', 'no', 'waiting, for "parts"', 'выдан'];
    const [flow] = parse(flowgaugeYaml({ kind: 'replay', statuses })).flows;
    expect(flow).toMatchObject({
      name: 'replay',
      table: { schema: 'public', name: 'replay_items' },
      key: ['item'],
      movedAt: 'moved_at',
      repeats: 'count',
      statuses,
    });
  });
});
