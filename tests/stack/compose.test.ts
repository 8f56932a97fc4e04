/** Owns the proof that docker-compose.yml is closed, pinned, and names only what exists in this repository. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readAlertingVariables } from '../../src/config/alerting-variables.js';
import { loadConfig } from '../../src/config/load.js';
import { AMTOOL } from '../harness/alertmanager.js';
import { projectRoot, runCli } from '../harness/exporter.js';
import { TEST_TOKEN } from '../harness/rendered-alertmanager.js';
import { removeScratch, scratchDirectory } from '../harness/scratch.js';
import { composeFile, composeText, mountOf, type Service, variablesOf } from './compose-file.js';
import { imageOf } from './dockerfile.js';

const scratch = scratchDirectory('compose');
afterAll(() => removeScratch(scratch));

const SECRETS = { FLOWGAUGE_SECRETS: '/nowhere' };
const compose = composeFile(SECRETS);
const services = Object.entries(compose.services);
const read = (path: string) => readFileSync(join(projectRoot, path), 'utf8');
const lasting = services.filter(([, { restart }]) => restart === 'unless-stopped');

describe('without a password', () => {
  it('the file is refused, and says what to run', () => {
    expect(() => composeFile({})).toThrow(/^FLOWGAUGE_SECRETS is not set. Run deploy\/compose\/prepare.sh/);
    expect(existsSync(join(projectRoot, 'deploy/compose/prepare.sh'))).toBe(true);
  });

  it('no variable has one as a default', () => {
    const defaults = [...variablesOf(composeText)].filter(([, value]) => value !== undefined);
    expect(Object.fromEntries(defaults)).toEqual({
      FLOWGAUGE_FILE: './examples/tokens/flowgauge.yml',
      FLOWGAUGE_PORT: '9877',
      PROMETHEUS_PORT: '9090',
      STACK_SIZE: 'one',
      STACK_ALERTS: 'quiet',
      ALERTMANAGER_PORT: '9093',
      GRAFANA_PORT: '3000',
      TRACES_URL: 'http://127.0.0.1:16686/trace',
      VICTORIA_PORT: '8428',
    });
  });

  it('.env.example names every variable, and no other', () => {
    const named = [...read('.env.example').matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name!);
    const passed = services.flatMap(([, { environment = {} }]) =>
      Object.keys(environment).filter((name) => environment[name] === null),
    );
    const known = [...variablesOf(composeText).keys(), ...passed, 'COMPOSE_PROFILES'];
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
    expect([...variablesOf(composeText).keys()].filter((name) => !named.includes(name))).toEqual([]);
  });

  it('the preparation makes every secret but the bot token, in a folder that nobody else passes', () => {
    const folder = join(scratch, 'project');
    mkdirSync(join(folder, 'deploy', 'compose'), { recursive: true });
    writeFileSync(join(folder, 'deploy/compose/prepare.sh'), read('deploy/compose/prepare.sh'));
    writeFileSync(join(folder, '.env.example'), read('.env.example'));
    const prepare = () => spawnSync('sh', [join(folder, 'deploy/compose/prepare.sh')], { encoding: 'utf8' });
    expect(prepare()).toMatchObject({ status: 0 });
    const made = readFileSync(join(folder, '.env'), 'utf8');
    expect(made).toContain('\nFLOWGAUGE_SECRETS=./secrets\n');
    const secret = (name: string) => readFileSync(join(folder, 'secrets', name), 'utf8').trim();
    for (const name of Object.keys(compose.secrets)) {
      if (name === 'telegram_bot_token') continue;
      expect(secret(name).length, name).toBeGreaterThan(40);
    }
    expect(secret('store_url')).toBe(
      `postgres://flowgauge:${secret('flowgauge_password')}@postgres:5432/app`,
    );
    expect(secret('owner_url')).toContain(secret('postgres_password'));
    expect(new Set(['postgres_password', 'flowgauge_password', 'grafana_password'].map(secret)).size).toBe(3);
    const modes = spawnSync('stat', ['-c', '%a', 'secrets', 'secrets/store_url'], { cwd: folder });
    expect(modes.stdout.toString()).toBe('700\n444\n');
    // A second run must not lock the exporter out of its database.
    const before = secret('postgres_password');
    expect(prepare()).toMatchObject({ status: 0 });
    expect(secret('postgres_password')).toBe(before);
  });
});

describe('every service', () => {
  it.each(services)('%s has an image that is pinned to one version', (_, { image, build }) => {
    const tag = /:([^:/]+)$/.exec(image)?.[1];
    expect(tag).toMatch(/^v?\d+\.\d+(\.\d+)?/);
    expect(build === undefined || image === `flowgauge:${JSON.parse(read('package.json')).version}`).toBe(
      true,
    );
  });

  it.each(services)('%s is read-only, without capabilities and without new privileges', (name, service) => {
    expect(service.read_only).toBe(true);
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
    expect(service).not.toHaveProperty('privileged');
    expect(service.user ?? 'the user of the image', name).not.toMatch(/^(0|root)\b/);
  });

  it.each(services)('%s publishes to 127.0.0.1 alone', (_, { ports = [] }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it.each(lasting)('%s has limits for processor, memory and processes', (_, { deploy }) => {
    expect(Object.keys(deploy!.resources.limits).sort()).toEqual(['cpus', 'memory', 'pids']);
  });

  it.each(lasting)('%s has a check of its health', (name, { image, healthcheck }) => {
    if (image.startsWith('flowgauge:')) expect(imageOf(read('Dockerfile')).healthcheck).toBeDefined();
    else expect(healthcheck?.test?.[0], name).toBe('CMD');
  });

  it.each(services)('%s names networks, volumes, secrets and services that exist', (_, service) => {
    expect(Object.keys(compose.networks)).toEqual(expect.arrayContaining([...(service.networks ?? [])]));
    expect(Object.keys(compose.secrets)).toEqual(expect.arrayContaining([...(service.secrets ?? [])]));
    expect(Object.keys(compose.services)).toEqual(
      expect.arrayContaining(Object.keys(service.depends_on ?? {})),
    );
    for (const { source } of (service.volumes ?? []).map(mountOf)) {
      if (!/^[./]/.test(source)) expect(Object.keys(compose.volumes)).toContain(source);
    }
  });

  it('the database is reached from no other machine', () => {
    expect(compose.networks.data).toEqual({ internal: true });
    expect(compose.services.postgres).toMatchObject({ networks: ['data'] });
    expect(compose.services.postgres).not.toHaveProperty('ports');
  });
});

describe.each([{}, { STACK_SIZE: 'pair' }, { STACK_ALERTS: 'telegram' }])('with %j', (variables) => {
  it('every mounted path of the project exists, and is mounted read-only', () => {
    const { services: all } = composeFile({ ...SECRETS, ...variables });
    const mounts = Object.values(all).flatMap(({ volumes = [] }) => volumes.map(mountOf));
    const ours = mounts.filter(({ source }) => source.startsWith('.'));
    expect(ours.length).toBeGreaterThan(10);
    expect(ours.filter(({ source }) => !existsSync(join(projectRoot, source)))).toEqual([]);
    expect(ours.filter(({ readOnly }) => !readOnly)).toEqual([]);
  });
});

describe('a variable that depends_on needs', () => {
  it('a service of another profile is never required', () => {
    for (const [name, { depends_on = {}, profiles = [] }] of services) {
      for (const [needed, { required }] of Object.entries(depends_on)) {
        const others = compose.services[needed]!.profiles ?? [];
        if (others.every((profile) => profiles.includes(profile))) continue;
        expect(required, `${name} needs ${needed}`).toBe(false);
      }
    }
  });
});

/** The environment of a service with its secrets and files at places that exist here. */
function environmentHere({ environment = {}, volumes = [], secrets = [] }: Service): Record<string, string> {
  const places = new Map(
    volumes.map(mountOf).map(({ source, target }) => [target, join(projectRoot, source)]),
  );
  for (const name of secrets) {
    const file = join(scratch, name);
    const text = name.endsWith('_url') ? `postgres://flowgauge:pw@postgres:5432/${name}` : TEST_TOKEN;
    writeFileSync(file, text, { mode: 0o600 });
    places.set(`/run/secrets/${name}`, file);
  }
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [name, places.get(value ?? '') ?? value ?? '-100']),
  );
}

describe('the exporter', () => {
  it.each(['flowgauge', 'flowgauge-2'])('%s accepts its environment and file', (name) => {
    const env = environmentHere(compose.services[name]!);
    expect(Object.values(env).some((value) => value.startsWith('/run/secrets/'))).toBe(false);
    const config = loadConfig({ env });
    expect(config.web.listenAddress).toMatchObject({ host: '0.0.0.0', port: 9877 });
    expect(config.flows.map((flow) => flow.name)).toEqual(['tokens']);
    expect(JSON.stringify(env)).toContain('store_url');
  });

  it('refuses to be reached by others when its permission is taken away', () => {
    const env = environmentHere(compose.services.flowgauge!);
    delete env.FLOWGAUGE_WEB_ALLOW_ANONYMOUS_REMOTE;
    expect(() => loadConfig({ env })).toThrow(/no credentials protect it/);
  });

  it('its variables are known: a misspelt one would change nothing', () => {
    const documented = read('docs/configuration.md');
    for (const name of Object.keys(compose.services.flowgauge!.environment!)) {
      expect(documented, name).toContain(`| \`${name}\` |`);
    }
  });

  it('listens on the port that is published, exposed and scraped', () => {
    const image = imageOf(read('Dockerfile'));
    expect(image.port).toBe(9877);
    expect(compose.services.flowgauge!.ports).toEqual(['127.0.0.1:9877:9877']);
    expect(image.healthcheck!.join(' ')).toContain('http://127.0.0.1:9877/-/healthy');
  });

  it('takes the commands that services give it', async () => {
    for (const [name, { image, command, entrypoint }] of services) {
      if (!image.startsWith('flowgauge:') || command === undefined || entrypoint !== undefined) continue;
      const help = runCli([command[0]!, '--help']);
      expect(await help.exit, name).toBe(0);
      for (const flag of command.filter((word) => word.startsWith('--') && word !== '--apply')) {
        expect(help.output(), `${name} ${flag}`).toContain(flag.split('=')[0]);
      }
    }
  });
});

describe('Prometheus', () => {
  it.each(['one', 'pair'])('reads the file of STACK_SIZE=%s in its image', (size) => {
    const { services: all } = composeFile({ ...SECRETS, STACK_SIZE: size });
    const folder = join(scratch, `prometheus-${size}`);
    const config = placed(all.prometheus!, folder, '/etc/prometheus/prometheus.yml');
    const check = spawnSync('promtool', ['check', 'config', config], { encoding: 'utf8' });
    expect(check.stdout + check.stderr).toMatch(/SUCCESS: .*prometheus.yml is valid/);
    expect(check.status).toBe(0);
    expect(check.stdout).toMatch(/rule files? found/);
  });

  it.each([
    ['one', ['']],
    ['pair', ['', '-2']],
  ] as const)('with STACK_SIZE=%s asks the services by name and port', (size, suffixes) => {
    const config = parse(read(`deploy/compose/prometheus-${size}.yml`)) as {
      scrape_configs: { job_name: string; static_configs: [{ targets: string[] }] }[];
    };
    const targets = Object.fromEntries(
      config.scrape_configs.map((s) => [s.job_name, s.static_configs[0].targets]),
    );
    expect(targets).toEqual({
      flowgauge: suffixes.map((s) => `flowgauge${s}:9877`),
      prometheus: suffixes.map((s) => `prometheus${s}:9090`),
      alertmanager: suffixes.map((s) => `alertmanager${s}:9093`),
    });
    for (const target of Object.values(targets).flat()) {
      expect(Object.keys(compose.services)).toContain(target.split(':')[0]);
    }
  });
});

describe('Alertmanager', () => {
  it('reads the quiet file in its image', () => {
    const config = placed(
      compose.services.alertmanager!,
      join(scratch, 'am'),
      '/etc/alertmanager/quiet/alertmanager.yml',
    );
    const check = spawnSync(AMTOOL, ['check-config', config], { encoding: 'utf8' });
    expect(check.stdout + check.stderr).toContain('SUCCESS');
    expect(check.status).toBe(0);
  });

  it('reads what the profile telegram writes, at the place where it is mounted', async () => {
    const service = compose.services['alertmanager-config']!;
    const env = environmentHere(service);
    expect(() => readAlertingVariables(env)).not.toThrow();
    const out = join(scratch, 'rendered');
    const { target } = mountOf(
      compose.services.alertmanager!.volumes!.find((v) => v.startsWith('alertmanager-config:'))!,
    );
    expect(service.command).toContain(target);
    const arguments_ = service.command!.map((word) => (word === '/rendered' || word === target ? out : word));
    const run = runCli(arguments_, env);
    expect(await run.exit, run.output()).toBe(0);
    const telegram = composeFile({ ...SECRETS, STACK_ALERTS: 'telegram' }).services.alertmanager!;
    expect(telegram.command).toContain(`--config.file=${target}/alertmanager.yml`);
    // Debian's amtool is older than the fields for files of secrets; what matters is that each of them is there.
    const text = readFileSync(join(out, 'alertmanager.yml'), 'utf8');
    for (const [, file] of text.matchAll(/_file: (\S+)/g)) expect(existsSync(file!)).toBe(true);
    expect(text).not.toContain(TEST_TOKEN);
  });
});

/** Puts what a service mounts below a folder, as its image would have it; gives the place of one of the files. */
function placed(service: Service, folder: string, path: string): string {
  for (const { source, target } of service.volumes!.map(mountOf)) {
    if (!source.startsWith('.')) continue;
    mkdirSync(dirname(join(folder, target)), { recursive: true });
    spawnSync('cp', ['-r', join(projectRoot, source), join(folder, target)]);
  }
  const named = service.command!.find((word) => word.startsWith('--config.file='));
  expect(named).toBe(`--config.file=${path}`);
  return join(folder, path);
}
