/** All dashboards, by the name of their file. */
import { commands } from './commands.ts'
import { toGrafana, type Dashboard } from './dashboard.ts'
import { events } from './events.ts'
import { fleet } from './fleet.ts'
import { nats } from './nats.ts'
import { webhooks } from './webhooks.ts'

/** In the order in which somebody looks at them. */
export const DASHBOARDS: readonly Dashboard[] = [fleet, events, commands, webhooks, nats]

/** The text of a dashboard's file in `deploy/grafana/dashboards`. */
export const dashboardText = (dashboard: Dashboard): string =>
  `${JSON.stringify(toGrafana(dashboard), undefined, 1)}\n`
