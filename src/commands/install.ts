/** Owns `flowgauge install` and `flowgauge uninstall`: print the SQL of the capture, or run it. */
import { FlowRefusedError } from '../changes/flow-runner.js';
import { inspectTable } from '../changes/inspect.js';
import { install, uninstall } from '../changes/install.js';
import { installSql, uninstallAllSql, uninstallSql } from '../changes/journal-sql.js';
import type { FlowConfig, ValidConfig } from '../config/valid-config.js';
import type { Flow } from '../flows/flow.js';
import type { Database } from '../storage/database.js';

const INSTALL_DEADLINE_MS = 120_000;

/** What a command does with its lines. */
export type Print = (line: string) => void;

/** Looks the flows up in the source's catalog. Throws FlowRefusedError with every problem of the first bad one. */
export async function resolveFlows(source: Database, flows: readonly FlowConfig[]): Promise<Flow[]> {
  return source.run('inspect', INSTALL_DEADLINE_MS, async (sql) => {
    const resolved: Flow[] = [];
    for (const config of flows) {
      const inspection = await inspectTable(sql, config);
      if (!inspection.ok) throw new FlowRefusedError(config.name, inspection.problems);
      resolved.push(inspection.flow);
    }
    return resolved;
  });
}

/** Installs the journal of the flows, each under a lock timeout so that no statement of the application waits long. */
export async function installFlows(source: Database, flows: readonly Flow[], maxRows: number): Promise<void> {
  for (const flow of flows) {
    await source.run('install', INSTALL_DEADLINE_MS, (sql) => install(sql, flow, { maxRows }));
  }
}

/** `flowgauge install [--apply]`. */
export async function runInstall(
  source: Database,
  config: ValidConfig,
  apply: 'apply' | 'print',
  print: Print,
): Promise<void> {
  const flows = await resolveFlows(
    source,
    config.flows.filter((f) => f.capture === 'auto' || f.capture === 'journal'),
  );
  if (flows.length === 0) print('-- No flow asks for the journal.');
  if (apply === 'apply') {
    await installFlows(source, flows, config.journal.maxRows);
    for (const flow of flows) print(`Installed the journal of flow ${flow.name}.`);
    return;
  }
  print('-- Run with --apply, or give this to psql. Nothing has been changed.');
  for (const flow of flows) {
    print(`\n-- flow ${flow.name}`);
    for (const statement of installSql(flow, { maxRows: config.journal.maxRows })) print(`${statement};`);
  }
}

/** `flowgauge uninstall [--apply]`: every trigger, function and table of ours leaves the source. */
export async function runUninstall(
  source: Database,
  config: ValidConfig,
  apply: 'apply' | 'print',
  print: Print,
): Promise<void> {
  if (apply === 'apply') {
    await source.run('uninstall', INSTALL_DEADLINE_MS, (sql) => uninstall(sql));
    print('Removed every trace of Flowgauge from the source. The store keeps its totals.');
    return;
  }
  print('-- Run with --apply, or give this to psql. Nothing has been changed.');
  for (const statement of [...config.flows.flatMap((f) => uninstallSql(f)), ...uninstallAllSql()]) {
    print(`${statement};`);
  }
}
