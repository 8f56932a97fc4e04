/** Owns what a dashboard is before it becomes Grafana's JSON: rows of panels with their questions, as plain values. */

/** Units as Grafana names them. */
export type Unit =
  | 'none'
  | 'short'
  | 's'
  | 'bytes'
  | 'Bps'
  | 'percent'
  | 'percentunit'
  | 'dateTimeFromNow'
  | 'reqps'
  | 'cps'
  | 'cpm'
  | 'ops';

/** Colours of the palette that every panel shares, so that one meaning has one colour. */
export type Colour = 'green' | 'yellow' | 'orange' | 'red' | 'dark-red' | 'blue' | 'purple' | 'text';

/** One question to Prometheus. */
export interface Query {
  readonly expr: string;
  /** Text of the legend; `{{label}}` is replaced. */
  readonly legend?: string;
  /** Draws it as a dashed line in the colour of the severity: the limit that alerts compare with. */
  readonly limit?: 'warning' | 'error' | 'critical' | 'bound';
  /** Asks for exemplars: points that lead from a measurement to its trace. */
  readonly exemplars?: 'shown';
}

/** From this value on the colour holds; the first step has no value and holds below all others. */
export interface ColourStep {
  readonly from: number | null;
  readonly colour: Colour;
}

/** A number that stands for a state, with the word and the colour to show instead. */
export interface Word {
  readonly value: number;
  readonly text: string;
  readonly colour: Colour;
}

interface PanelBase {
  readonly title: string;
  /** What is seen, and what to do about it; plain words. */
  readonly description: string;
  readonly unit: Unit;
  /** Of 24 columns; 8 without it. */
  readonly width?: number;
  /** In steps of Grafana's grid; 8 without it. */
  readonly height?: number;
  readonly queries: readonly [Query, ...Query[]];
  readonly min?: number;
  readonly max?: number;
  readonly decimals?: number;
  readonly steps?: readonly ColourStep[];
  readonly words?: readonly Word[];
  /** Shown instead of an empty answer, when emptiness has a meaning. */
  readonly noValue?: string;
}

/** Lines over time. `stacked` adds them up. `bars` for counts of an interval. */
export interface GraphPanel extends PanelBase {
  readonly kind: 'graph';
  readonly drawn?: 'lines' | 'stacked' | 'bars';
  /** Draws the steps as lines where no series carries the limit. */
  readonly showSteps?: 'lines';
  readonly scale?: 'linear' | 'log';
}

/** One large number per series, now. */
export interface NumberPanel extends PanelBase {
  readonly kind: 'number';
  readonly colours?: 'value' | 'background';
  readonly sparkline?: 'shown';
}

/** A share of its whole, now. A limit query colours it; Grafana takes one only, a second would replace it. */
export interface GaugePanel extends PanelBase {
  readonly kind: 'gauge' | 'bars';
}

/** Buckets of a histogram over time. */
export interface HeatmapPanel extends PanelBase {
  readonly kind: 'heatmap';
}

/** States over time; the queries answer numbers that `words` names. */
export interface StatesPanel extends PanelBase {
  readonly kind: 'states';
}

/** One row per series, one column per label. */
export interface TablePanel extends PanelBase {
  readonly kind: 'table';
  /** Columns in their order: label (or `Value`) → head of the column. Every other one is hidden. */
  readonly columns: Readonly<Record<string, string>>;
}

export type PanelSpec = GraphPanel | NumberPanel | GaugePanel | HeatmapPanel | StatesPanel | TablePanel;

/** A headline and the panels below it, from left to right in 24 columns. */
export interface RowSpec {
  readonly title: string;
  readonly panels: readonly PanelSpec[];
}

/** A choice at the head of a dashboard. */
export interface VariableSpec {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  /** Metric and label that hold the values. */
  readonly metric: string;
  readonly from: string;
  /** Matchers of the metric by the choices before; empty for none. */
  readonly matchers: string;
  /** Chosen at first; all without it. */
  readonly first?: { readonly text: string; readonly value: string };
}

/** One dashboard. */
export interface DashboardSpec {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** Besides data source, job and instance. */
  readonly variables: readonly VariableSpec[];
  readonly rows: readonly RowSpec[];
}
