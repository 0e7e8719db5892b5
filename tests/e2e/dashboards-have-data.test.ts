import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { start as startExporter } from '#apps/exporter/app.ts'
import { exporterEnv } from '#apps/exporter/config.ts'
import { loadConfig } from '#libs/config/load.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { eventually } from '#tests/support/eventually.ts'
import { ALERTS, DASHBOARD_PANELS, RULES_FILE } from '#tests/support/observed.ts'
import { SERVICE, startParodus } from '#tests/support/parodus.ts'
import { HAS_PROMETHEUS, startPrometheus, type Prometheus } from '#tests/support/prometheus.ts'
import { readPromql } from '#tests/support/promql.ts'
import { startReceiver } from '#tests/support/receiver.ts'
import { register } from '#tests/support/registration.ts'
import { logOf, startStack, type Stack } from '#tests/support/stack.ts'

const DEVICE = 'mac:112233445566'

/** How long Prometheus and the exporter may take until every panel has what it shows. */
const SHOWN_MS = 20_000

const parts = new AsyncDisposableStack()
let stack: Stack
let exporter: App
/** By the job that Prometheus would give them. */
let operations: Record<string, string[]>

beforeAll(async () => {
  stack = parts.use(await startStack({ talarias: 2, caduceus: true }))
  const receiver = parts.use(await startReceiver())
  await register(stack.caduceus!.url, receiver.url)
  parts.use(await startParodus(stack, DEVICE, { eventIntervalMs: 100 }))
  await receiver.next(() => true, { withinMs: 10_000 })
  await stack.caller.ask(DEVICE, SERVICE)
  await stack.caller.stat(DEVICE)
  await stack.caller.stat('mac:000000000000')
  exporter = parts.use(
    await startExporter(
      loadConfig(exporterEnv, {
        EXPORTER_NATS_URLS: stack.nats.server.monitoringUrl,
        EXPORTER_OPERATIONS_PORT: '0',
        EXPORTER_POLL_MS: '250',
      }),
      logOf('exporter'),
    ),
  )
  const urlsOf = (...apps: (App | undefined)[]): string[] =>
    apps.map((app) => app?.operationsUrl ?? '')
  operations = {
    talaria: urlsOf(...stack.talarias),
    scytale: urlsOf(stack.scytale),
    petasos: urlsOf(stack.petasos),
    caduceus: urlsOf(stack.caduceus),
    themis: urlsOf(stack.themis),
    exporter: urlsOf(exporter),
  }
})

afterAll(() => parts.disposeAsync())

describe('the metrics of a running stack', () => {
  it('are all that dashboards and alerts ask for', async () => {
    const pages = await Promise.all(
      Object.values(operations)
        .flat()
        .map(async (url) => (await fetch(`${url}/metrics`)).text()),
    )
    const names = new Set(
      pages.flatMap((page) =>
        [...page.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name = '', type]) =>
          type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
        ),
      ),
    )
    // The one that Prometheus makes itself.
    names.add('up')
    const expressions = [
      ...DASHBOARD_PANELS.flatMap(({ where, queries }) => queries.map((each) => [where, each])),
      ...ALERTS.map(({ alert, expr }) => [alert, expr]),
    ]
    const missing = expressions.flatMap(([where, expression = '']) =>
      readPromql(expression)
        .selectors.filter(({ name }) => !names.has(name))
        .map(({ name }) => `${where}: ${name}`),
    )
    expect(missing).toEqual([])
  })
})

describe.runIf(HAS_PROMETHEUS)('a Prometheus that scrapes the stack', () => {
  let prometheus: Prometheus
  beforeAll(async () => {
    prometheus = parts.use(
      await startPrometheus({ targets: operations, rulesFile: RULES_FILE, intervalMs: 500 }),
    )
  })

  it('finds every instance', async () => {
    await eventually(async () => expect(await prometheus.query('up == 1')).toHaveLength(7), {
      withinMs: SHOWN_MS,
    })
  })

  it.each(DASHBOARD_PANELS.flatMap((panel) => panel.queries.map((query) => ({ ...panel, query }))))(
    'answers the panel $where: $query',
    async ({ query, mayBeEmpty }) => {
      await eventually(
        async () => {
          const samples = await prometheus.query(query)
          if (!mayBeEmpty) expect(samples).not.toEqual([])
        },
        { withinMs: SHOWN_MS },
      )
    },
  )

  it('can evaluate every alert', async () => {
    const rules = await eventually(async () => {
      const all = await prometheus.rules()
      expect(all.filter(({ health }) => health === 'unknown')).toEqual([])
      return all
    })
    expect(rules.map(({ name }) => name).toSorted()).toEqual(
      ALERTS.map(({ alert }) => alert).toSorted(),
    )
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([])
  })

  it('has no alert while all is well', async () => {
    expect(await prometheus.alerts()).toEqual([])
  })

  it('has one when the last Talaria is gone', async () => {
    for (const talaria of stack.talarias) await talaria[Symbol.asyncDispose]()
    await eventually(
      async () => {
        const names = (await prometheus.alerts()).map(({ labels }) => labels.alertname)
        expect(names).toContain('XmidtNoTalaria')
        expect(names).toContain('XmidtInstanceDown')
      },
      { withinMs: SHOWN_MS },
    )
  })
})
