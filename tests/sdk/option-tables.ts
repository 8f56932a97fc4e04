/** Owns reading the options of the package out of its reference: what a user can look up is what the tests hold to. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../harness/exporter.js';

/** One documented option. */
export interface DocumentedOption {
  /** The type that has it, for example `RetryOptions`. */
  readonly owner: string;
  readonly option: string;
  readonly isOptional: boolean;
  /** Its type as the reference prints it. */
  readonly type: string;
  readonly meaning: string;
}

const HEADING = /^### `(\w+)` \(interface\)$/;
const ROW = /^\| `(\w+)(\??): (.*?)` \| (.*) \|$/;

/** Every option of every exported interface that the pattern matches, those of the interfaces that it extends included. */
export function documentedOptions(owners: RegExp): DocumentedOption[] {
  const lines = readFileSync(join(projectRoot, 'docs/api.md'), 'utf8').split('\n');
  const rows: DocumentedOption[] = [];
  const parents = new Map<string, string>();
  let owner = '';
  for (const line of lines) {
    if (line.startsWith('### ')) owner = HEADING.exec(line)?.[1] ?? '';
    const parent = /^`interface (\w+)(?:<.*>)? extends (\w+)`$/.exec(line);
    if (parent !== null) parents.set(parent[1]!, parent[2]!);
    const row = owner === '' ? null : ROW.exec(line);
    if (row === null) continue;
    const [, option, mark, type, meaning] = row as unknown as [string, string, string, string, string];
    rows.push({ owner, option, isOptional: mark === '?', type: type.replaceAll('\\|', '|'), meaning });
  }
  const names = [...new Set(rows.map((row) => row.owner))].filter((name) => owners.test(name));
  return names.flatMap((name) => {
    const own = rows.filter((row) => row.owner === name);
    const inherited = rows.filter((row) => row.owner === parents.get(name));
    return [...own, ...inherited.map((row) => ({ ...row, owner: name }))];
  });
}
