/** Owns the proof that the committed dashboards are what the descriptions say, byte for byte. */
import { expect, it } from 'vitest';
import { dashboardFiles } from '../../grafana/json.js';
import { generatedTexts } from './dashboard-files.js';

it('the committed dashboards are up to date; if not: npm run generate', () => {
  expect(Object.fromEntries(generatedTexts())).toEqual(Object.fromEntries(dashboardFiles()));
});

it('the same description gives the same text twice', () => {
  expect([...dashboardFiles()]).toEqual([...dashboardFiles()]);
});
