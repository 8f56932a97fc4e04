/** Owns the step from our description of a dashboard to Grafana's; the only file that knows Grafana's builders. */
import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as gauge from '@grafana/grafana-foundation-sdk/gauge';
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as statetimeline from '@grafana/grafana-foundation-sdk/statetimeline';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import type {
  ColourStep,
  DashboardSpec,
  GaugePanel,
  GraphPanel,
  HeatmapPanel,
  NumberPanel,
  PanelSpec,
  Query,
  TablePanel,
  VariableSpec,
  Word,
} from './dashboard-spec.js';
import { columnSteps, limitLine, limitSteps, refIdAt } from './field-settings.js';
import { ALERT_TARGET, INSTANCE, JOB } from './selectors.js';

/** The tag by which the dashboards link to each other. */
export const TAG = 'flowgauge';
const SOURCE = { type: 'prometheus', uid: `\${datasource}` } as const;

type AnyPanel = (
  | typeof timeseries
  | typeof stat
  | typeof gauge
  | typeof bargauge
  | typeof heatmap
  | typeof statetimeline
  | typeof table
)['PanelBuilder']['prototype'];

/** Grafana's dashboard as plain JSON values. Same description, same result. */
export function buildDashboard(spec: DashboardSpec): dashboard.Dashboard {
  const builder = new dashboard.DashboardBuilder(spec.title)
    .uid(spec.uid)
    .description(spec.description)
    .tags([TAG])
    .readonly()
    .timezone('browser')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .time({ from: 'now-3h', to: 'now' })
    .refresh('30s')
    .variables([sourceVariable(), ...[JOB, INSTANCE, ...spec.variables].map(queryVariable)])
    .annotations([alertAnnotation()])
    .links([otherDashboards()]);
  let id = 0;
  for (const row of spec.rows) {
    builder.withRow(new dashboard.RowBuilder(row.title).id(++id));
    for (const panel of row.panels) builder.withPanel(buildPanel(panel).id(++id));
  }
  return withoutPlacement(builder.build());
}

/** The builders put annotations and links into a menu of Grafana's newest releases, where nobody looks for them. */
function withoutPlacement(built: dashboard.Dashboard): dashboard.Dashboard {
  for (const part of [...(built.annotations?.list ?? []), ...(built.links ?? [])]) delete part.placement;
  return built;
}

function sourceVariable(): dashboard.DatasourceVariableBuilder {
  return new dashboard.DatasourceVariableBuilder('datasource')
    .label('Data source')
    .type('prometheus')
    .multi(false)
    .includeAll(false)
    .current({ text: 'Prometheus', value: 'prometheus' });
}

function queryVariable(spec: VariableSpec): dashboard.QueryVariableBuilder {
  const matchers = spec.matchers === '' ? '' : `{${spec.matchers}}`;
  const query = `label_values(${spec.metric}${matchers}, ${spec.from})`;
  const first = spec.first ?? { text: 'All', value: '$__all' };
  return new dashboard.QueryVariableBuilder(spec.name)
    .label(spec.label)
    .description(spec.description)
    .datasource(SOURCE)
    .query(query)
    .definition(query)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current({ text: [first.text], value: [first.value] });
}

function alertAnnotation(): dashboard.AnnotationQueryBuilder {
  return new dashboard.AnnotationQueryBuilder()
    .name('Alerts')
    .datasource(SOURCE)
    .enable(true)
    .hide(false)
    .iconColor('red')
    .expr(`ALERTS{alertstate="firing",severity=~"error|critical",${ALERT_TARGET}}`)
    .step('60s')
    .titleFormat('{{alertname}}')
    .textFormat('{{flow}} {{status}} {{api}} {{instance}}')
    .tagKeys('severity');
}

function otherDashboards(): dashboard.DashboardLinkBuilder {
  return new dashboard.DashboardLinkBuilder('Flowgauge')
    .type(dashboard.DashboardLinkType.Dashboards)
    .tags([TAG])
    .tooltip('The other dashboards, with the same time range and choices')
    .asDropdown(false)
    .includeVars(true)
    .keepTime(true)
    .targetBlank(false);
}

function buildPanel(spec: PanelSpec): AnyPanel {
  switch (spec.kind) {
    case 'graph':
      return dressed(graphPanel(spec), spec, 'range');
    case 'number':
      return dressed(numberPanel(spec), spec, spec.sparkline === undefined ? 'instant' : 'range');
    case 'gauge':
    case 'bars':
      return dressed(gaugePanel(spec), spec, 'instant');
    case 'heatmap':
      return dressed(heatmapPanel(spec), spec, 'range');
    case 'states':
      return dressed(statesPanel(), spec, 'range');
    case 'table':
      return dressed(tablePanel(spec), spec, 'instant');
  }
}

/** What all kinds of panels have. */
function dressed<P extends AnyPanel>(panel: P, spec: PanelSpec, asked: 'range' | 'instant'): P {
  panel.title(spec.title).description(spec.description).datasource(SOURCE).unit(spec.unit);
  panel.span(spec.width ?? 8).height(spec.height ?? 8);
  spec.queries.forEach((query, at) => {
    panel.withTarget(target(query, refIdAt(at), spec, asked));
  });
  if (spec.min !== undefined) panel.min(spec.min);
  if (spec.max !== undefined) panel.max(spec.max);
  if (spec.decimals !== undefined) panel.decimals(spec.decimals);
  if (spec.noValue !== undefined) panel.noValue(spec.noValue);
  if (spec.words !== undefined) panel.mappings([wordMapping(spec.words)]);
  panel.thresholds(thresholds(spec.steps ?? [{ from: null, colour: 'green' }]));
  return panel;
}

function target(
  query: Query,
  refId: string,
  spec: PanelSpec,
  asked: 'range' | 'instant',
): prometheus.DataqueryBuilder {
  const built = new prometheus.DataqueryBuilder()
    .refId(refId)
    .datasource(SOURCE)
    .expr(query.expr)
    .editorMode(prometheus.QueryEditorMode.Code);
  if (query.legend !== undefined) built.legendFormat(query.legend);
  if (query.exemplars !== undefined) built.exemplar(true);
  if (spec.kind === 'heatmap') built.format(prometheus.PromQueryFormat.Heatmap);
  if (spec.kind === 'table') built.format(prometheus.PromQueryFormat.Table);
  return asked === 'range' ? built.range() : built.instant();
}

function graphPanel(spec: GraphPanel): timeseries.PanelBuilder {
  const panel = new timeseries.PanelBuilder()
    .lineWidth(spec.drawn === 'bars' ? 0 : 1)
    .drawStyle(spec.drawn === 'bars' ? common.GraphDrawStyle.Bars : common.GraphDrawStyle.Line)
    .fillOpacity(spec.drawn === undefined || spec.drawn === 'lines' ? 5 : 45)
    .showPoints(common.VisibilityMode.Never)
    .spanNulls(false)
    .axisSoftMin(0)
    .legend(legendBelow())
    .tooltip(
      new common.VizTooltipOptionsBuilder()
        .mode(common.TooltipDisplayMode.Multi)
        .sort(common.SortOrder.Descending),
    );
  if (spec.drawn !== undefined && spec.drawn !== 'lines') {
    panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  }
  if (spec.scale === 'log') {
    panel.scaleDistribution(
      new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Log).log(10),
    );
  }
  if (spec.showSteps !== undefined) {
    panel.thresholdsStyle(
      new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed),
    );
  }
  spec.queries.forEach((query, at) => {
    if (query.limit !== undefined) panel.overrideByQuery(refIdAt(at), limitLine(query.limit));
  });
  return panel;
}

function numberPanel(spec: NumberPanel): stat.PanelBuilder {
  return new stat.PanelBuilder()
    .reduceOptions(lastValue())
    .graphMode(spec.sparkline === undefined ? common.BigValueGraphMode.None : common.BigValueGraphMode.Area)
    .colorMode(
      spec.colours === 'background' ? common.BigValueColorMode.Background : common.BigValueColorMode.Value,
    )
    .textMode(common.BigValueTextMode.Auto);
}

function gaugePanel(spec: GaugePanel): gauge.PanelBuilder | bargauge.PanelBuilder {
  const panel =
    spec.kind === 'gauge'
      ? new gauge.PanelBuilder().showThresholdMarkers(true)
      : new bargauge.PanelBuilder()
          .orientation(common.VizOrientation.Horizontal)
          .displayMode(common.BarGaugeDisplayMode.Basic)
          .valueMode(common.BarGaugeValueMode.Color);
  panel.reduceOptions(lastValue());
  for (const step of limitSteps(spec)) panel.withTransformation(step);
  return panel;
}

function legendBelow(): common.VizLegendOptionsBuilder {
  return new common.VizLegendOptionsBuilder()
    .displayMode(common.LegendDisplayMode.List)
    .placement(common.LegendPlacement.Bottom)
    .showLegend(true)
    .calcs([]);
}

function lastValue(): common.ReduceDataOptionsBuilder {
  return new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(false);
}

function heatmapPanel(spec: HeatmapPanel): heatmap.PanelBuilder {
  return new heatmap.PanelBuilder()
    .calculate(false)
    .cellGap(1)
    .color(
      new heatmap.HeatmapColorOptionsBuilder()
        .mode(heatmap.HeatmapColorMode.Scheme)
        .scheme('Oranges')
        .steps(64)
        .fill('dark-orange')
        .exponent(0.5)
        .reverse(false),
    )
    .yAxis(new heatmap.YAxisConfigBuilder().unit(spec.unit).axisPlacement(common.AxisPlacement.Left))
    .filterValues(new heatmap.FilterValueRangeBuilder().le(1e-9))
    .showLegend();
}

function statesPanel(): statetimeline.PanelBuilder {
  return new statetimeline.PanelBuilder()
    .mergeValues(true)
    .showValue(common.VisibilityMode.Auto)
    .alignValue(common.TimelineValueAlignment.Left)
    .rowHeight(0.8)
    .legend(legendBelow());
}

function tablePanel(spec: TablePanel): table.PanelBuilder {
  const panel = new table.PanelBuilder().showHeader(true).cellHeight(common.TableCellHeight.Sm);
  for (const step of columnSteps(spec)) panel.withTransformation(step);
  return panel;
}

function thresholds(steps: readonly ColourStep[]): dashboard.ThresholdsConfigBuilder {
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps(steps.map(({ from, colour }) => ({ value: from, color: colour })));
}

function wordMapping(words: readonly Word[]): dashboard.ValueMapping {
  return {
    type: dashboard.MappingType.ValueToText,
    options: Object.fromEntries(
      words.map(({ value, text, colour }, index) => [String(value), { text, color: colour, index }]),
    ),
  };
}
