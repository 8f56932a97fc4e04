/** Owns the validation of the committed dashboards by Grafana's published JSON schemas, which lie outside of this repository. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { describe, expect, it } from 'vitest';
import { generatedDashboards, panelsOf } from './dashboard-files.js';

/** A folder with `dashboard.jsonschema.json` and one file per type of panel, as Grafana's SDK ships them. */
const folder = process.env.FLOWGAUGE_GRAFANA_SCHEMAS;
const REASON = 'FLOWGAUGE_GRAFANA_SCHEMAS names no folder: the schemas are not part of this repository';

interface Schema {
  readonly definitions: Record<string, { properties?: Record<string, unknown> }>;
}
/** Fields that hold anything in Grafana, a number too; its schema writes `anything` as an object. */
const ANYTHING = [
  ['MatcherConfig', 'options'],
  ['DynamicConfigValue', 'value'],
] as const;

describe.skipIf(folder === undefined)(`Grafana's schemas (skipped when ${REASON})`, () => {
  const ajv = new Ajv({ allErrors: true, strict: false });
  const validators = new Map<string, ValidateFunction>();
  /** The schema of a file, or one of its definitions. */
  function validator(name: string, definition?: string): ValidateFunction | undefined {
    const key = `${name}#${definition ?? ''}`;
    const file = join(folder!, `${name}.jsonschema.json`);
    const known = validators.get(key);
    if (known !== undefined) return known;
    const schema = JSON.parse(readFileSync(file, 'utf8')) as Schema;
    for (const [owner, property] of ANYTHING) {
      const properties = schema.definitions[owner]?.properties;
      if (properties?.[property] !== undefined) properties[property] = {};
    }
    if (definition !== undefined && schema.definitions[definition] === undefined) return undefined;
    const root = definition === undefined ? schema : { ...schema, $ref: `#/definitions/${definition}` };
    const made = ajv.compile(root);
    validators.set(key, made);
    return made;
  }
  function faults(name: string, definition: string | undefined, value: unknown): string[] {
    const validate = validator(name, definition);
    if (validate === undefined || validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }

  it('has the schemas', () => expect(existsSync(join(folder!, 'dashboard.jsonschema.json'))).toBe(true));

  describe.each(generatedDashboards())('$uid', (dashboard) => {
    it('is a dashboard', () => {
      expect(faults('dashboard', undefined, dashboard)).toEqual([]);
    });

    it.each(panelsOf(dashboard))('$title has the options and the questions of its type', (panel) => {
      const type = panel.type.replace('-', '');
      expect(faults(type, 'Options', panel.options)).toEqual([]);
      const custom = panel.fieldConfig?.defaults.custom;
      if (custom !== undefined) expect(faults(type, 'FieldConfig', custom)).toEqual([]);
      for (const target of panel.targets!) expect(faults('prometheus', undefined, target)).toEqual([]);
    });
  });

  it('refuses what is wrong', () => {
    const [dashboard] = generatedDashboards();
    expect(faults('dashboard', undefined, { ...dashboard, titel: 'x' })).not.toEqual([]);
    expect(faults('stat', 'Options', { graphMode: 'dots' })).not.toEqual([]);
    expect(faults('prometheus', undefined, { refId: 'A' })).not.toEqual([]);
  });
});
