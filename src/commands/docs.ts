/** Owns `flowgauge docs`: writes the generated references, or says which of them are out of date. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderConfigReference } from '../config/reference.js';
import { openApiDocument } from '../http/openapi.js';
import { ROUTES } from '../http/route-table.js';
import { renderMetricsReference } from '../metrics/reference.js';

const GENERATED: readonly (readonly [string, (root: string) => string])[] = [
  ['metrics.md', renderMetricsReference],
  ['configuration.md', renderConfigReference],
  ['openapi.json', renderOpenApi],
];

/** Writes the generated files of docs/ below `root`. Resolves with the names that changed. */
export function writeDocs(root: string): string[] {
  const changed = staleDocs(root);
  for (const [name, render] of GENERATED) {
    if (changed.includes(name)) writeFileSync(join(root, 'docs', name), render(root));
  }
  return changed;
}

/** Names of the generated files that differ from what the code says. */
export function staleDocs(root: string): string[] {
  return GENERATED.filter(([name, render]) => readOrEmpty(join(root, 'docs', name)) !== render(root)).map(
    ([name]) => name,
  );
}

function renderOpenApi(root: string): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return `${JSON.stringify(openApiDocument(ROUTES, version), null, 2)}\n`;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
