/** What we read back from a board's JSON: the checks run on what Grafana gets, not on what we meant. */
export interface BoardJson {
  readonly id: number | null;
  readonly uid?: string;
  readonly title?: string;
  readonly editable?: boolean;
  readonly schemaVersion?: number;
  readonly refresh?: string;
  readonly time?: { readonly from: string; readonly to: string };
  readonly templating?: { readonly list?: readonly VariableJson[] };
  readonly panels?: readonly PanelJson[];
}

export interface VariableJson {
  readonly name: string;
  readonly type: string;
  readonly label?: string;
  readonly query?: string | { readonly query?: string };
  readonly datasource?: { readonly uid?: string };
  readonly multi?: boolean;
  readonly includeAll?: boolean;
  readonly allValue?: string;
  readonly refresh?: number;
}

export interface PanelJson {
  readonly id?: number;
  readonly type: string;
  readonly title?: string;
  readonly description?: string;
  readonly datasource?: { readonly type?: string; readonly uid?: string };
  readonly gridPos?: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly TargetJson[];
  readonly fieldConfig?: { readonly defaults?: { readonly unit?: string; readonly mappings?: readonly unknown[] } };
  readonly options?: { readonly legend?: { readonly showLegend?: boolean } };
  /** Panels of a collapsed row. */
  readonly panels?: readonly PanelJson[];
}

export interface TargetJson {
  readonly refId?: string;
  readonly expr?: string;
  readonly legendFormat?: string;
  readonly instant?: boolean;
  readonly datasource?: { readonly uid?: string };
}

/** All panels, also those inside collapsed rows, without the rows themselves. */
export function panelsOf(board: BoardJson): readonly PanelJson[] {
  return (board.panels ?? []).flatMap((panel) => (panel.type === 'row' ? (panel.panels ?? []) : [panel]));
}
