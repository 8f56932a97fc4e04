/** Owns `npm run generate`: docs/, the dashboards in grafana/generated and what deploy/ makes of prometheus/, without any build before. */
import { build, run } from './prepare.mjs';

build();
run(process.execPath, ['dist/cli.js', 'docs']);
run(process.execPath, ['scripts/api-reference.mjs']);
run('npx', ['--no-install', 'tsc', '-p', 'tsconfig.grafana.json']);
run(process.execPath, ['dist-grafana/generate.js', 'grafana/generated']);
run(process.execPath, ['scripts/stack-files.mjs']);
