import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as statetimeline from '@grafana/grafana-foundation-sdk/statetimeline';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import { refIds } from './board-plan.ts';
import type { BoardPlan, ColumnPlan, PanelPlan, StatePlan } from './board-plan.ts';

const columnsMax = 24;
const rowHeight = 1;
const datasource = { type: 'prometheus', uid: '${datasource}' };

type PanelBuilder = stat.PanelBuilder | timeseries.PanelBuilder | statetimeline.PanelBuilder | bargauge.PanelBuilder | table.PanelBuilder;

/**
 * Makes a board in Grafana's classic schema. Sets what the SDK leaves out and Grafana then guesses: ids, refIds, data sources, positions,
 * time and refresh.
 */
export function buildBoard(plan: BoardPlan): dashboard.Dashboard {
  const builder = new dashboard.DashboardBuilder(plan.title)
    .uid(plan.uid)
    .description(plan.description)
    .tags(['hallkeeper'])
    .timezone('browser')
    .time({ from: plan.from, to: 'now' })
    .refresh(plan.refresh)
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .readonly()
    .withVariable(datasourceVariable())
    .withVariable(hallVariable())
    .annotations([])
    .link(boardsLink());
  const place = flow();
  let id = 0;
  for (const row of plan.rows) {
    builder.withRow(new dashboard.RowBuilder(row.title).id((id += 1)).gridPos(place(columnsMax, rowHeight)));
    for (const panel of row.panels) {
      const built = styled(panel)
        .id((id += 1))
        .gridPos(place(panel.width, panel.height));
      builder.withPanel(built);
    }
  }
  return { ...builder.build(), id: null };
}

/** Places panels from left to right; one that does not fit begins a new line below the highest of the last. */
function flow(): (width: number, height: number) => dashboard.GridPos {
  let x = 0;
  let y = 0;
  let lineHeight = 0;
  return (width, height) => {
    if (x + width > columnsMax) {
      x = 0;
      y += lineHeight;
      lineHeight = 0;
    }
    const position = { x, y, w: width, h: height };
    x += width;
    lineHeight = Math.max(lineHeight, height);
    return position;
  };
}

function datasourceVariable(): dashboard.DatasourceVariableBuilder {
  return new dashboard.DatasourceVariableBuilder('datasource').label('Data source').type('prometheus');
}

function hallVariable(): dashboard.QueryVariableBuilder {
  return new dashboard.QueryVariableBuilder('hall')
    .label('Hall')
    .datasource(datasource)
    .query({ query: 'label_values(hallkeeper_hall_up, hall)', refId: 'hall' })
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.NaturalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current({ selected: true, text: 'All', value: '$__all' });
}

/** From board to board, with the hall and the time that are looked at. */
function boardsLink(): dashboard.DashboardLinkBuilder {
  return new dashboard.DashboardLinkBuilder('Hallkeeper')
    .type(dashboard.DashboardLinkType.Dashboards)
    .tags(['hallkeeper'])
    .asDropdown(true)
    .includeVars(true)
    .keepTime(true);
}

function styled(plan: PanelPlan): PanelBuilder {
  const panel = builderOf(plan).title(plan.title).description(plan.description).datasource(datasource).unit(plan.unit);
  if (plan.decimals !== undefined) panel.decimals(plan.decimals);
  if (plan.states !== undefined) panel.mappings([valueMap(plan.states)]);
  if (plan.thresholds !== undefined) {
    const steps = plan.thresholds.map(({ from, color }) => ({ value: from, color }));
    panel.thresholds(new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps));
  }
  for (const [index, { expr, legend }] of plan.queries.entries()) {
    const query = new prometheus.DataqueryBuilder()
      .refId(refIds[index] ?? '')
      .datasource(datasource)
      .expr(expr)
      .legendFormat(legend);
    panel.withTarget(isInstant(plan.kind) ? query.instant() : query.range());
    if (plan.kind === 'table') query.format(prometheus.PromQueryFormat.Table);
  }
  return panel;
}

/** Panels that show now, not a course: they would fetch a whole range for its last value. */
const isInstant = (kind: PanelPlan['kind']): boolean => kind === 'stat' || kind === 'barGauge' || kind === 'table';

function builderOf(plan: PanelPlan): PanelBuilder {
  switch (plan.kind) {
    case 'stat':
      return new stat.PanelBuilder()
        .graphMode(common.BigValueGraphMode.None)
        .colorMode(common.BigValueColorMode.Value)
        .textMode(plan.showName === true ? common.BigValueTextMode.Name : common.BigValueTextMode.Auto)
        .reduceOptions(lastValue());
    case 'timeseries':
      return new timeseries.PanelBuilder()
        .legend(new common.VizLegendOptionsBuilder().showLegend(true).placement(common.LegendPlacement.Bottom))
        .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi))
        .lineWidth(1)
        .fillOpacity(0);
    case 'stateTimeline':
      return new statetimeline.PanelBuilder()
        .legend(new common.VizLegendOptionsBuilder().showLegend(true).placement(common.LegendPlacement.Bottom))
        .showValue(common.VisibilityMode.Auto)
        .mergeValues(true)
        .perPage(20);
    case 'barGauge':
      return new bargauge.PanelBuilder().orientation(common.VizOrientation.Horizontal).min(0).reduceOptions(lastValue());
    case 'table':
      return tableOf(plan.columns ?? []);
  }
}

const lastValue = (): common.ReduceDataOptionsBuilder => new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']);

function tableOf(columns: readonly ColumnPlan[]): table.PanelBuilder {
  const panel = new table.PanelBuilder()
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        renameByName: Object.fromEntries([
          ['hall', 'Hall'],
          ['terminal', 'Terminal'],
          ...columns.map(({ refId, title }) => [`Value #${refId}`, title]),
        ]),
      },
    })
    .sortBy(columns.slice(0, 1).map(({ title }) => new common.TableSortByFieldStateBuilder().displayName(title).desc(true)));
  for (const { title, unit } of columns) panel.overrideByName(title, [{ id: 'unit', value: unit }]);
  return panel;
}

function valueMap(states: readonly StatePlan[]): dashboard.ValueMap {
  const options = states.map(({ value, text, color }, index) => [String(value), { text, color, index }] as const);
  return { type: dashboard.MappingType.ValueToText, options: Object.fromEntries(options) };
}
