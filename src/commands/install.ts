/** Owns `flowgauge install` and `flowgauge uninstall`: print the SQL of the capture, or run it. */
import type postgres from 'postgres';
import { FlowRefusedError } from '../changes/flow-runner.js';
import { inspectTable } from '../changes/inspect.js';
import { install, uninstall } from '../changes/install.js';
import { installSql, uninstallAllSql, uninstallSql } from '../changes/journal-sql.js';
import type { FlowConfig, ValidConfig } from '../config/valid-config.js';
import type { Flow } from '../flows/flow.js';
import type { Database } from '../storage/database.js';
import { errorCode } from '../storage/database-errors.js';

const INSTALL_DEADLINE_MS = 120_000;

/** What a command does with its lines. */
export type Print = (line: string) => void;

/** The role of the source's URL may not do it. Nothing of the flow was changed. */
export class InstallForbiddenError extends Error {
  readonly code = 'INSTALL_FORBIDDEN';
  constructor(work: 'install' | 'uninstall', where: string, cause: Error) {
    const reader = work === 'install' ? ' --reader=ROLE' : '';
    super(
      `The role of source.url may not ${work} the journal in ${where}: ${cause.message}. Run flowgauge ${work}${reader} --apply with the URL of the table's owner, or give the SQL that flowgauge ${work}${reader} prints to psql as the owner.`,
      { cause },
    );
    this.name = 'InstallForbiddenError';
  }
}

/** Runs the work on the source; a missing right is told as such. */
async function changeSource(
  source: Database,
  work: 'install' | 'uninstall',
  act: (sql: postgres.Sql) => Promise<void>,
): Promise<void> {
  try {
    await source.run(work, INSTALL_DEADLINE_MS, act);
  } catch (error) {
    if (errorCode(error) !== '42501') throw error;
    throw new InstallForbiddenError(work, source.label, error as Error);
  }
}

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

/**
 * Installs the journal of the flows, each under a lock timeout so that no statement of the application waits long.
 * A `readerRole` gets the rights of the exporter, which then needs no right to install.
 */
export async function installFlows(
  source: Database,
  flows: readonly Flow[],
  maxRows: number,
  readerRole?: string,
): Promise<void> {
  const options = { maxRows, ...(readerRole === undefined ? {} : { readerRole }) };
  for (const flow of flows) {
    await changeSource(source, 'install', (sql) => install(sql, flow, options));
  }
}

/** `flowgauge install [--apply] [--reader=ROLE]`. */
export async function runInstall(
  source: Database,
  config: ValidConfig,
  apply: 'apply' | 'print',
  print: Print,
  readerRole?: string,
): Promise<void> {
  const flows = await resolveFlows(
    source,
    config.flows.filter((f) => f.capture === 'auto' || f.capture === 'journal'),
  );
  if (flows.length === 0) print('-- No flow asks for the journal.');
  if (apply === 'apply') {
    await installFlows(source, flows, config.journal.maxRows, readerRole);
    const reader = readerRole === undefined ? '' : `; ${readerRole} may read it`;
    for (const flow of flows) print(`Installed the journal of flow ${flow.name}${reader}.`);
    return;
  }
  print('-- Run with --apply, or give this to psql. Nothing has been changed.');
  const options = { maxRows: config.journal.maxRows, ...(readerRole === undefined ? {} : { readerRole }) };
  for (const flow of flows) {
    print(`\n-- flow ${flow.name}`);
    for (const statement of installSql(flow, options)) print(`${statement};`);
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
    await changeSource(source, 'uninstall', (sql) => uninstall(sql));
    print('Removed every trace of Flowgauge from the source. The store keeps its totals.');
    return;
  }
  print('-- Run with --apply, or give this to psql. Nothing has been changed.');
  for (const statement of [...config.flows.flatMap((f) => uninstallSql(f)), ...uninstallAllSql()]) {
    print(`${statement};`);
  }
}
