/** Owns the proof that the Kubernetes manifests fit together, name what exists, and carry the same rules as prometheus/. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { stackFiles } from '../../scripts/stack-files.mjs';
import { parseConfig } from '../../src/config/load.js';
import { projectRoot } from '../harness/exporter.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { imageOf } from './dockerfile.js';

const scratch = scratchDirectory('kubernetes');
afterAll(() => removeScratch(scratch));
const read = (path: string) => readFileSync(join(projectRoot, path), 'utf8');

// biome-ignore lint/suspicious/noExplicitAny: manifests are looked into at many depths
type Manifest = any;
const manifests: Manifest[] = ['flowgauge', 'service-monitor', 'prometheus-rules'].flatMap((name) =>
  parseAllDocuments(read(`deploy/kubernetes/${name}.yml`)).map((document) => document.toJS()),
);
const one = (kind: string): Manifest => {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  expect(found, kind).toHaveLength(1);
  return found[0];
};

describe('made files', () => {
  it.each(Object.entries(stackFiles()))('%s is what npm run generate writes', (path, text) => {
    expect(read(path)).toBe(text);
  });
});

describe('manifests', () => {
  const pod = one('Deployment').spec.template.spec;
  const [container] = pod.containers;

  it('are all in one namespace, which admits only restricted pods', () => {
    const namespace = one('Namespace');
    expect(namespace.metadata.labels['pod-security.kubernetes.io/enforce']).toBe('restricted');
    for (const { kind, metadata } of manifests) {
      if (kind !== 'Namespace') expect(metadata.namespace, kind).toBe(namespace.metadata.name);
    }
  });

  it('the pod keeps the rules of a restricted namespace', () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('the pod runs as the user of the image, and stops later than the program does', () => {
    const { user, port } = imageOf(read('Dockerfile'));
    expect(`${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`).toBe(user);
    expect(container.ports).toEqual([{ name: 'http', containerPort: port }]);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(14);
    expect(container.image).toBe(`flowgauge:${JSON.parse(read('package.json')).version}`);
  });

  it('the exporter accepts its file, with the secret where it is mounted', () => {
    const text: string = one('ConfigMap').data['flowgauge.yml'];
    const mounted = '/etc/flowgauge/secrets/database_url';
    const file = join(scratch, 'database_url');
    writeFileSync(file, 'postgres://flowgauge:pw@db:5432/app', { mode: 0o440 });
    expect(text).toContain(mounted);
    expect(container.volumeMounts.map((mount: Manifest) => mount.mountPath)).toContain(
      '/etc/flowgauge/secrets',
    );
    const config = parseConfig(text.replace(mounted, file), { env: {} });
    expect(config.web.listenAddress).toMatchObject({ port: 9877 });
    // The owner of the files is root: the group reads them, and others must not.
    expect(pod.volumes.find((volume: Manifest) => volume.name === 'secrets').secret.defaultMode & 0o004).toBe(
      0,
    );
    expect(pod.securityContext.fsGroup).toBe(pod.securityContext.runAsGroup);
  });

  it('probes, service and monitor name the port and the labels of the pod', () => {
    const labels = one('Deployment').spec.template.metadata.labels;
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      expect(container[probe].httpGet.port).toBe('http');
    }
    expect(one('Service').spec).toMatchObject({ selector: labels, ports: [{ name: 'http', port: 9877 }] });
    expect(one('Service').metadata.labels).toEqual(one('ServiceMonitor').spec.selector.matchLabels);
    expect(one('PodDisruptionBudget').spec.selector.matchLabels).toEqual(labels);
    expect(one('NetworkPolicy').spec.podSelector.matchLabels).toEqual(labels);
  });

  it('the monitor scrapes as prometheus.yml does', () => {
    const config = parse(read('prometheus/prometheus.yml'));
    const job = config.scrape_configs.find((scrape: Manifest) => scrape.job_name === 'flowgauge');
    const { spec } = one('ServiceMonitor');
    expect([spec.sampleLimit, spec.labelLimit, spec.labelValueLengthLimit]).toEqual([
      job.sample_limit,
      job.label_limit,
      job.label_value_length_limit,
    ]);
    const [endpoint] = spec.endpoints;
    expect([endpoint.interval, endpoint.scrapeTimeout]).toEqual([
      config.global.scrape_interval,
      config.global.scrape_timeout,
    ]);
  });

  it('the rules are those of prometheus/, and promtool reads them', () => {
    const { groups } = one('PrometheusRule').spec;
    const file = join(scratch, 'rules.yml');
    writeFileSync(file, stringify({ groups }));
    const check = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' });
    expect(check.stdout).toMatch(/SUCCESS: \d{3} rules found/);
    expect(check.status).toBe(0);
    const names = groups.map((group: Manifest) => group.name);
    expect(new Set(names).size, 'a group with a name twice is refused').toBe(names.length);
  });
});
