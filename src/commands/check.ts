/** Owns `flowgauge check`: the configuration, both connections, and whether each flow can be watched as asked. */
import { inspectTable } from '../changes/inspect.js';
import { installationStatus } from '../changes/install.js';
import type { ValidConfig } from '../config/valid-config.js';
import type { Database } from '../storage/database.js';
import { tryMigration } from '../storage/migrations.js';
import type { Print } from './install.js';

const CHECK_DEADLINE_MS = 15_000;

/** Prints one line per finding. Resolves with true when everything can work. */
export async function runCheck(
  config: ValidConfig,
  databases: { readonly source: Database; readonly store: Database },
  print: Print,
): Promise<boolean> {
  print(`configuration: good, ${config.flows.length} flow(s)`);
  const storeWorks =
    (await answers(databases.store, 'store', print)) && (await takesTables(databases.store, print));
  const sourceWorks = await answers(databases.source, 'source', print);
  if (!sourceWorks) return false;
  let good = storeWorks;
  for (const flow of config.flows) {
    const works = await checkFlow(databases.source, flow, print).catch((error: unknown) => {
      print(`flow ${flow.name}: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    });
    if (!works) good = false;
  }
  return good;
}

async function answers(database: Database, name: string, print: Print): Promise<boolean> {
  try {
    const [row] = await database.run(
      'check',
      CHECK_DEADLINE_MS,
      (sql) => sql<{ v: string }[]>`
      select current_setting('server_version') || ' as ' || current_user as v`,
    );
    print(`${name}: ${database.label} answers, PostgreSQL ${row!.v}`);
    return true;
  } catch (error) {
    print(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

/** Without its tables the exporter never becomes ready, and only its log says why. */
async function takesTables(store: Database, print: Print): Promise<boolean> {
  try {
    await tryMigration(store, CHECK_DEADLINE_MS);
    return true;
  } catch (error) {
    print(`store: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

async function checkFlow(
  source: Database,
  config: ValidConfig['flows'][number],
  print: Print,
): Promise<boolean> {
  return source.run('check flow', CHECK_DEADLINE_MS, async (sql) => {
    const inspection = await inspectTable(sql, config);
    if (!inspection.ok) {
      for (const p of inspection.problems) print(`${p.path}: ${p.message}. ${p.remedy}.`);
      return false;
    }
    const status = await installationStatus(sql, inspection.flow);
    const journal = status.state === 'current' ? 'installed' : `${status.state}; flowgauge install --apply`;
    print(`flow ${config.name}: statuses ${inspection.flow.statuses.join(', ')}; journal ${journal}`);
    return config.capture !== 'journal' || status.state === 'current';
  });
}
