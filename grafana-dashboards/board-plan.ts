/** What a board shows, without how Grafana writes it down. `build-board.ts` makes the JSON. */
export interface BoardPlan {
  /** Stable for ever: links and bookmarks use it. A new title does not change it. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly refresh: string;
  readonly from: string;
  readonly rows: readonly RowPlan[];
}

export interface RowPlan {
  readonly title: string;
  readonly panels: readonly PanelPlan[];
}

export interface PanelPlan {
  readonly kind: 'stat' | 'timeseries' | 'stateTimeline' | 'barGauge' | 'table';
  readonly title: string;
  readonly description: string;
  /** Of 24 columns. Panels flow from left to right. */
  readonly width: number;
  readonly height: number;
  readonly unit: Unit;
  readonly queries: readonly QueryPlan[];
  readonly decimals?: number;
  /** Texts and colours for the values of a state code. */
  readonly states?: readonly StatePlan[];
  /** Colour of the value from each limit on; the first has no limit. */
  readonly thresholds?: readonly { readonly from: number | null; readonly color: string }[];
  /** A stat that shows the name of its series instead of the value. */
  readonly showName?: boolean;
  /** Columns of a table, by the refId of their query. */
  readonly columns?: readonly ColumnPlan[];
}

export interface QueryPlan {
  readonly expr: string;
  readonly legend: string;
  /** Why this query may return nothing on a healthy system. Absent: it must return data. */
  readonly emptyIsNormal?: string;
}

export interface StatePlan {
  readonly value: number;
  readonly text: string;
  readonly color: string;
}

export interface ColumnPlan {
  readonly refId: string;
  readonly title: string;
  readonly unit: Unit;
}

/** Unit ids of Grafana that we use. Others are a spelling mistake until they are added here. */
export const units = [
  'none',
  'short',
  'percentunit',
  's',
  'ms',
  'dtdurations',
  'bytes',
  'Bps',
  'celsius',
  'reqps',
  'ops',
  'dateTimeAsIso',
  'dateTimeFromNow',
  'bool_yes_no',
  'string',
] as const;
export type Unit = (typeof units)[number];

/** Queries are named in this order, as Grafana does. */
export const refIds = ['A', 'B', 'C', 'D', 'E', 'F'] as const;
