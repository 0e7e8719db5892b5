/** What operators look at, as data: the queries of all dashboards and the alert rules. */
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { DASHBOARDS } from '#deploy/grafana/source/all.ts'

/** Where the alert rules are. */
export const RULES_FILE = 'deploy/prometheus/alerts.yml'

/** An alert rule. */
export interface Alert {
  alert: string
  expr: string
  labels: { severity: string }
  annotations: { summary: string; description: string; runbook_url: string }
}

/** All alert rules. */
export const ALERTS: readonly Alert[] = (
  parse(readFileSync(RULES_FILE, 'utf8')) as { groups: { rules: Alert[] }[] }
).groups.flatMap(({ rules }) => rules)

/** Every panel with its queries as Prometheus gets them. */
export const DASHBOARD_PANELS = DASHBOARDS.flatMap(({ uid, rows }) =>
  rows.flatMap(({ panels }) =>
    panels.map(({ title, queries, mayBeEmpty }) => ({
      where: `${uid}: ${title}`,
      mayBeEmpty: mayBeEmpty !== undefined,
      // Grafana puts four scrapes or more here.
      queries: queries.map(([expression]) => expression.replaceAll('$__rate_interval', '1m')),
    })),
  ),
)
