/** Owns the token market of the profile demo: makes its tables, or writes to them until it is told to end. */
import { readFileSync } from 'node:fs';

const PRODUCT = process.env.FLOWGAUGE_DIST ?? '/app/dist';
const url = readFileSync('/run/secrets/owner_url', 'utf8').trim();

if (process.argv[2] === 'tables') {
  const { createTokensTable } = await import(`${PRODUCT}/demo/schema.js`);
  await createTokensTable(url);
} else {
  const { startPipeline } = await import(`${PRODUCT}/demo/pipeline.js`);
  const tell = (level) => (fields, message) =>
    process.stdout.write(`${JSON.stringify({ level, message, ...fields })}\n`);
  const log = { info: tell('info'), warn: tell('warn'), error: tell('error') };
  const pipeline = await startPipeline({ url, log });
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => pipeline.stop().then(() => process.exit(0)));
  }
}
