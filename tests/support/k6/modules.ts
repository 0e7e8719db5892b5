/** k6's modules, as far as the scripts import them, for one VU. */
import { createHash } from 'node:crypto'
import { createHttp } from './http.ts'
import { METRIC_TYPES, type Metrics, type MetricType } from './metrics.ts'
import type { Vu } from './vu.ts'
import { createWebSocket } from './websocket.ts'

/** The exports of each module by its name. */
export function k6Modules(vu: Vu, metrics: Metrics): Record<string, Record<string, unknown>> {
  const http = createHttp(vu, metrics)
  const execution = executionOf(vu)
  return {
    k6: {
      check: (value: unknown, sets: Record<string, (value: unknown) => boolean>) =>
        Object.values(sets)
          .map((isSo) => {
            const isGood = Boolean(isSo(value))
            metrics.add('checks', isGood)
            return isGood
          })
          .every(Boolean),
    },
    'k6/crypto': {
      sha256: (text: string, encoding: 'hex') => createHash('sha256').update(text).digest(encoding),
    },
    'k6/encoding': { b64encode: (text: string) => Buffer.from(text).toString('base64') },
    'k6/execution': { default: execution, ...execution },
    'k6/http': { default: http, ...http },
    'k6/metrics': metricClasses(vu, metrics),
    'k6/timers': {
      setTimeout: (callback: () => void, ms: number) => {
        const end = vu.begin()
        setTimeout(() => {
          vu.callback(callback)
          end()
        }, ms)
      },
    },
    'k6/websockets': { WebSocket: createWebSocket(vu) },
  }
}

/** `Counter`, `Rate` and the others: made while a script is loaded only, shared by name. */
function metricClasses(vu: Vu, metrics: Metrics): Record<string, unknown> {
  const classOf = (type: MetricType) =>
    class {
      readonly name: string

      constructor(name: string) {
        if (!vu.isInit) throw new Error('a metric is made while a script is loaded')
        this.name = name
        metrics.define(name, type)
      }

      add(value: number | boolean): void {
        metrics.add(this.name, value)
      }
    }
  return Object.fromEntries(
    METRIC_TYPES.map((type) => [type.charAt(0).toUpperCase() + type.slice(1), classOf(type)]),
  )
}

function executionOf(vu: Vu): Record<string, unknown> {
  const scenarioOf = (): NonNullable<Vu['scenario']> => {
    if (!vu.scenario) throw new Error('there is no scenario outside of an iteration')
    return vu.scenario
  }
  return {
    scenario: {
      get name() {
        return scenarioOf().name
      },
      get startTime() {
        return scenarioOf().startTime
      },
      get iterationInTest() {
        scenarioOf()
        return vu.iterationInTest
      },
    },
    vu: { idInTest: vu.id },
  }
}
