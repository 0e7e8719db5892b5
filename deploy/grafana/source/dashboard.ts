/**
 * A dashboard as one would describe it, and Grafana's JSON made of that: rows are questions, each
 * panel says what to look for, units are set, and any Prometheus can be chosen.
 */

/** What a value is, in Grafana's words. */
export type Unit =
  | 'short'
  | 'reqps'
  | 's'
  | 'bytes'
  | 'Bps'
  | 'percentunit'
  | 'dateTimeFromNow'
  | 'none'

/** One panel. */
export interface Panel {
  title: string
  /** What a person should look for. */
  description: string
  unit: Unit
  /** PromQL and the name of its lines; `$__rate_interval` is Grafana's. */
  queries: readonly (readonly [expression: string, legend: string])[]
  /** A number for what is now, or lines over time. */
  kind?: 'stat' | 'timeseries'
  /** Why it may be empty although all is well; else an empty panel is a fault. */
  mayBeEmpty?: string
}

/** The panels that answer one question. */
export interface Row {
  question: string
  panels: readonly Panel[]
}

/** One dashboard. */
export interface Dashboard {
  /** Of its address, and the name of its file. */
  uid: string
  title: string
  description: string
  rows: readonly Row[]
}

/** Columns of Grafana's grid, and how high panels are. */
const COLUMNS = 24
const HEIGHT = { stat: 4, timeseries: 8 } as const

/** Grafana's form of dashboards, as of version 11. */
const SCHEMA_VERSION = 39

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' }

/** The JSON that Grafana reads. */
export function toGrafana({ uid, title, description, rows }: Dashboard): object {
  const panels: object[] = []
  let y = 0
  for (const { question, panels: inRow } of rows) {
    const gridPos = { x: 0, y, w: COLUMNS, h: 1 }
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title: question,
      collapsed: false,
      gridPos,
      panels: [],
    })
    y += 1
    const width = Math.floor(COLUMNS / inRow.length)
    const height = Math.max(...inRow.map(({ kind = 'timeseries' }) => HEIGHT[kind]))
    inRow.forEach((panel, index) => {
      const at = { x: index * width, y, w: width, h: height }
      panels.push({ id: panels.length + 1, ...panelJson(panel), gridPos: at })
    })
    y += height
  }
  return {
    uid: `xmidt-${uid}`,
    title: `XMiDT ${title}`,
    description,
    tags: ['xmidt'],
    editable: false,
    schemaVersion: SCHEMA_VERSION,
    time: { from: 'now-3h', to: 'now' },
    refresh: '30s',
    templating: {
      list: [{ name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' }],
    },
    links: [
      { title: 'XMiDT', type: 'dashboards', tags: ['xmidt'], asDropdown: true, keepTime: true },
    ],
    panels,
  }
}

function panelJson({ title, description, unit, queries, kind = 'timeseries' }: Panel): object {
  const defaults = { unit, min: unit === 'dateTimeFromNow' ? undefined : 0 }
  return {
    type: kind,
    title,
    description,
    datasource: DATASOURCE,
    fieldConfig: { defaults, overrides: [] },
    options:
      kind === 'stat'
        ? { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'none', graphMode: 'area' }
        : {
            legend: { displayMode: 'list', placement: 'bottom' },
            tooltip: { mode: 'multi', sort: 'desc' },
          },
    targets: queries.map(([expr, legendFormat], index) => ({
      refId: 'ABCDEFGH'[index],
      datasource: DATASOURCE,
      expr,
      legendFormat,
    })),
  }
}
