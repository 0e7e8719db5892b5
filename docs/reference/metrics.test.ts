import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { METRICS, metricsReferencePage } from './metrics.ts'

/** All there are: a further one is a word for something that none of these says. */
/** A stream's name is NATS' own; all else is written as words of ours. */
const formOf = (label: string): RegExp =>
  label === 'stream' ? /^[A-Z]+(_[A-Z]+)*$/ : /^[a-z]+(-[a-z]+)*$/

const LABELS = [
  'reason',
  'outcome',
  'kind',
  'state',
  'route',
  'code',
  'talaria',
  'connection',
  'server',
  'direction',
  'stream',
  'consumer',
  'webhook',
]

/** Another unit, or a suffix that Prometheus itself gives to the parts of a histogram. */
const WRONG = /_(ms|millis|milliseconds|minutes|hours|kb|mb|kilobytes|count|sum|bucket|info)(_|$)/

const all = Object.entries(METRICS).flatMap(([app, facts]) =>
  facts.map((each) => ({ app, ...each })),
)

it('the metrics page is what the registries have (npm run docs writes it anew)', () => {
  const page = readFileSync(new URL('metrics.md', import.meta.url), 'utf8')
  expect(page).toBe(metricsReferencePage())
})

describe('the metrics of all apps', () => {
  it('have names of one shape: xmidt_<app>_…, base units, _total for what only grows', () => {
    const strange = all.filter(
      ({ app, name, type }) =>
        !new RegExp(`^xmidt_${app}(_[a-z]+)+$`).test(name) ||
        WRONG.test(name) ||
        (type === 'counter') !== name.endsWith('_total') ||
        (type === 'histogram' && !/_(seconds|bytes)$/.test(name)),
    )
    expect(all.length).toBeGreaterThan(50)
    expect(strange).toEqual([])
  })

  it('have labels out of one small set, and values that are written alike', () => {
    const strange = all.flatMap(({ name, labels }) =>
      Object.entries(labels)
        .filter(
          ([label, values]) =>
            !LABELS.includes(label) ||
            (!('open' in values) && !values.every((value) => formOf(label).test(value))),
        )
        .map(([label, values]) => ({ name, label, values })),
    )
    expect(strange).toEqual([])
  })

  it('are each described in a sentence', () => {
    expect(all.filter(({ help }) => !/^[A-Z0-9].*\.$/.test(help))).toEqual([])
  })
})
