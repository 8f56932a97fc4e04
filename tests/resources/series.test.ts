/** Owns the proof of what /metrics prints of a sample: nothing before it, all of it after, and nothing that is no longer true. */
import { describe, expect, it } from 'vitest';
import { judgeHealth } from '../../src/health.js';
import { createMetrics } from '../../src/metrics/registry.js';
import { ResourceSeries } from '../../src/metrics/resource-series.js';
import type { NetworkTotals, Outcome, ResourceReadings, ResourceSource } from '../../src/resources/sample.js';
import { textOf } from '../metrics/fixture.js';

function bench() {
  const metrics = createMetrics({ processMetrics: 'omit' });
  const series = new ResourceSeries(metrics);
  const end = { atMs: 0, durationMs: 2 };
  return {
    metrics,
    series,
    tell: <S extends ResourceSource>(source: S, value: ResourceReadings[S]) =>
      series.take(source, { kind: 'measured', value, ...end } as Outcome<ResourceReadings[S]>),
    fail: (source: ResourceSource) =>
      series.take(source, { kind: 'failed', error: new Error('EIO'), ...end }),
    /** Samples of our own families, without comments. */
    lines: async () =>
      (await textOf(metrics.registry))
        .split('\n')
        .filter((line) =>
          /^(system_|process_children|nodejs_heap|health_|flowgauge_collector_success)/.test(line),
        ),
  };
}

const ETH0: NetworkTotals = { receiveBytes: 100, transmitBytes: 50, receiveErrors: 1, transmitErrors: 2 };

describe('before the first sample', () => {
  it('there is no number that would read as an idle machine or a dead service', async () => {
    expect(await bench().lines()).toEqual([]);
  });
});

describe('a sample', () => {
  it('is printed as a whole', async () => {
    const { tell, series, lines } = bench();
    tell('cpu', { cores: 1.5, utilizationRatio: 0.25 });
    tell('load', { '1m': 3, '5m': 2, '15m': 1 });
    tell('memory', { usedBytes: 400, totalBytes: 1000 });
    tell('swap', { usedBytes: 0, totalBytes: 0 });
    tell('network', new Map([['eth0', ETH0]]));
    tell('heap', { usedBytes: 5, limitBytes: 50 });
    tell('filesystem', { mounts: new Map([['/', { usedBytes: 7, totalBytes: 70 }]]), failed: new Map() });
    tell('disk', { read: 512, write: 1024 });
    tell('process', { residentBytes: 1, children: 6, openFds: 2, maxFds: 3 });
    series.showHealth(judgeHealth({ memory: 0.4, cpu: 0.25, load: 0 }));
    expect((await lines()).sort()).toEqual(
      `flowgauge_collector_success{collector="resource_cpu"} 1
flowgauge_collector_success{collector="resource_disk"} 1
flowgauge_collector_success{collector="resource_filesystem"} 1
flowgauge_collector_success{collector="resource_heap"} 1
flowgauge_collector_success{collector="resource_load"} 1
flowgauge_collector_success{collector="resource_memory"} 1
flowgauge_collector_success{collector="resource_network"} 1
flowgauge_collector_success{collector="resource_process"} 1
flowgauge_collector_success{collector="resource_swap"} 1
health_component_score{component="cpu"} 70
health_component_score{component="load"} 100
health_component_score{component="memory"} 40
health_score 67
nodejs_heap_limit_bytes 50
nodejs_heap_used_bytes 5
process_children 6
system_cpu_cores 1.5
system_cpu_utilization_ratio 0.25
system_disk_bytes_total{direction="read"} 512
system_disk_bytes_total{direction="write"} 1024
system_filesystem_total_bytes{mountpoint="/"} 70
system_filesystem_used_bytes{mountpoint="/"} 7
system_load_average{window="15m"} 1
system_load_average{window="1m"} 3
system_load_average{window="5m"} 2
system_memory_total_bytes 1000
system_memory_used_bytes 400
system_network_bytes_total{device="eth0",direction="receive"} 100
system_network_bytes_total{device="eth0",direction="transmit"} 50
system_network_errors_total{device="eth0",direction="receive"} 1
system_network_errors_total{device="eth0",direction="transmit"} 2
system_swap_total_bytes 0
system_swap_used_bytes 0`.split('\n'),
    );
  });

  it('that fails takes only its own series away, and they come back', async () => {
    const { tell, fail, lines } = bench();
    tell('memory', { usedBytes: 400, totalBytes: 1000 });
    tell('network', new Map([['eth0', ETH0]]));
    tell('disk', { read: 512, write: 1024 });
    const whole = await lines();
    fail('network');
    const without = await lines();
    expect(without.filter((line) => line.startsWith('system_network'))).toEqual([]);
    expect(without).toContain('flowgauge_collector_success{collector="resource_network"} 0');
    expect(without.filter((line) => !line.includes('network'))).toEqual(
      whole.filter((line) => !line.includes('network')),
    );
    tell('network', new Map([['eth0', ETH0]]));
    expect((await lines()).sort()).toEqual(whole.sort());
  });

  it('shows the file systems that answer when one does not', async () => {
    const { tell, lines } = bench();
    const root = { usedBytes: 7, totalBytes: 70 };
    tell('filesystem', {
      mounts: new Map([
        ['/', root],
        ['/nfs', root],
      ]),
      failed: new Map(),
    });
    tell('filesystem', { mounts: new Map([['/', root]]), failed: new Map([['/nfs', new Error('gone')]]) });
    expect(await lines()).toEqual([
      'system_filesystem_used_bytes{mountpoint="/"} 7',
      'system_filesystem_total_bytes{mountpoint="/"} 70',
      'flowgauge_collector_success{collector="resource_filesystem"} 0',
    ]);
  });

  it('lets a device begin again at zero, and forgets one that is gone', async () => {
    const { tell, metrics, lines } = bench();
    tell(
      'network',
      new Map([
        ['eth0', ETH0],
        ['wg0', ETH0],
      ]),
    );
    tell('network', new Map([['eth0', { ...ETH0, receiveBytes: 3 }]]));
    const shown = await lines();
    expect(shown).toContain('system_network_bytes_total{device="eth0",direction="receive"} 3');
    expect(shown.filter((line) => line.includes('wg0'))).toEqual([]);
    expect(metrics.networkBytes.rejected).toBe(0);
  });

  it('of a device name that hurts is still one line', async () => {
    const { tell, lines } = bench();
    tell('network', new Map([['e"\\x', ETH0]]));
    expect(await lines()).toContain('system_network_bytes_total{device="e\\"\\\\x",direction="receive"} 100');
  });
});

describe('health', () => {
  it('that is not known has no series', async () => {
    const { series, lines } = bench();
    series.showHealth(judgeHealth({ memory: 0.2, cpu: 0.1, load: 0 }));
    expect(await lines()).toHaveLength(4);
    series.showHealth(judgeHealth({ memory: 0.2, cpu: undefined, load: undefined }));
    expect(await lines()).toEqual(['health_score 70', 'health_component_score{component="memory"} 70']);
    series.showHealth(judgeHealth({ memory: undefined, cpu: undefined, load: undefined }));
    expect(await lines()).toEqual([]);
  });
});
