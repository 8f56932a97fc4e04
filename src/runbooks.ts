/** Owns the runbooks that ship with the package: which there are, and their text, read once. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `dist/` and `src/` both lie beside `docs/`. */
const FOLDER = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs', 'runbooks');

/** Markdown by the alert's name; empty when the package was installed without its documents. */
export function readRunbooks(folder: string = FOLDER): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const file of namesIn(folder)) {
    const name = /^([A-Z][A-Za-z0-9]*)\.md$/.exec(file)?.[1];
    if (name !== undefined) found.set(name, readFileSync(join(folder, file), 'utf8'));
  }
  return found;
}

/** Missing runbooks must not keep the exporter from starting. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
