/** Owns reading the committed dashboards as plain values: panels, questions and variables. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../harness/exporter.js';

export const generatedFolder = join(projectRoot, 'grafana', 'generated');

export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly range?: boolean;
  readonly instant?: boolean;
  readonly exemplar?: boolean;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title?: string;
  readonly description?: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly Target[];
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly options?: Readonly<Record<string, unknown>>;
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly noValue?: string;
      readonly mappings?: readonly unknown[];
      readonly custom?: Readonly<Record<string, unknown>>;
    };
    readonly overrides: readonly { readonly matcher: { readonly options: string } }[];
  };
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly query: string;
  readonly datasource?: { readonly uid: string };
  readonly refresh?: number;
  readonly multi: boolean;
  readonly includeAll: boolean;
  readonly allValue?: string;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly editable: boolean;
  readonly tags: readonly string[];
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: {
    readonly list: readonly { readonly datasource: { readonly uid: string }; readonly expr: string }[];
  };
  readonly links: readonly {
    readonly type: string;
    readonly tags: readonly string[];
    readonly includeVars: boolean;
    readonly keepTime: boolean;
  }[];
}

/** Text of each committed file by its name. */
export function generatedTexts(): ReadonlyMap<string, string> {
  return new Map(
    readdirSync(generatedFolder).map((name) => [name, readFileSync(join(generatedFolder, name), 'utf8')]),
  );
}

export function generatedDashboards(): readonly Dashboard[] {
  return [...generatedTexts().values()].map((text) => JSON.parse(text) as Dashboard);
}

/** Panels that ask something; the headlines of the rows are left out. */
export function panelsOf({ panels }: Dashboard): readonly Panel[] {
  return panels.filter(({ type }) => type !== 'row');
}

/** A question of a panel, a variable or an annotation. */
export interface Question {
  /** Dashboard, panel and letter, to find it again. */
  readonly where: string;
  readonly expr: string;
}

/** Every question of a dashboard. That of a variable is the selector inside `label_values`. */
export function questionsOf(dashboard: Dashboard): readonly Question[] {
  const ofPanels = panelsOf(dashboard).flatMap((panel) =>
    (panel.targets ?? []).map(({ refId, expr }) => ({
      where: `${dashboard.uid}: ${panel.title} ${refId}`,
      expr,
    })),
  );
  const ofVariables = dashboard.templating.list.flatMap(({ name, query }) => {
    const selector = /^label_values\((.+), \w+\)$/.exec(query)?.[1];
    return selector === undefined ? [] : [{ where: `${dashboard.uid}: $${name}`, expr: selector }];
  });
  const ofAnnotations = dashboard.annotations.list.map(({ expr }) => ({
    where: `${dashboard.uid}: annotations`,
    expr,
  }));
  return [...ofPanels, ...ofVariables, ...ofAnnotations];
}

/** The question as Prometheus gets it when everything is chosen and a scrape is due every few seconds. */
export function substituted(expr: string): string {
  return (
    expr
      .replaceAll('$__rate_interval', '30s')
      // The steps of a subquery fall on full five minutes, which a short test does not reach.
      .replaceAll('[30d:5m]', '[10m:5s]')
      .replace(/\$(\w+)/g, '.+')
  );
}
