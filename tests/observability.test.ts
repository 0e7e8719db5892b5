/** What operators are shown, as far as it can be judged without a running stack. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { DASHBOARDS, dashboardText } from '#deploy/grafana/source/all.ts'
import { METRICS } from '#docs/reference/metrics.ts'
import { ALERTS, DASHBOARD_PANELS, RULES_FILE } from '#tests/support/observed.ts'
import { readPromql } from '#tests/support/promql.ts'

/** promtool makes a database for each case: seconds, on a busy machine more. */
const PROMTOOL_MS = 120_000

const hasPromtool = spawnSync('promtool', ['--version']).status === 0

/** Prometheus itself puts these on every series. */
const OF_PROMETHEUS = ['job', 'instance', 'le', '__name__']

/** Of the process or of Prometheus: not in the apps' lists, looked at in the running stack. */
const isForeign = (name: string): boolean => /^(up|process_|nodejs_)/.test(name)

const facts = new Map(
  Object.values(METRICS)
    .flat()
    .map((each) => [each.name, each]),
)
facts.set('xmidt_build_info', {
  name: 'xmidt_build_info',
  type: 'gauge',
  help: '',
  labels: { app: { open: '' }, version: { open: '' } },
})

const metricOf = (name: string) =>
  facts.get(name) ?? facts.get(name.replace(/_(bucket|sum|count)$/, ''))

const questions = [
  ...DASHBOARD_PANELS.flatMap(({ where, queries }) =>
    queries.map((expression) => ({ where, expression })),
  ),
  ...ALERTS.map(({ alert, expr }) => ({ where: alert, expression: expr })),
]

describe('every query of a dashboard and every alert', () => {
  it('is PromQL over metrics that there are', () => {
    expect(questions.length).toBeGreaterThan(100)
    const unknown = questions.flatMap(({ where, expression }) =>
      readPromql(expression)
        .selectors.filter(({ name }) => !isForeign(name) && !metricOf(name))
        .map(({ name }) => `${where}: ${name}`),
    )
    expect(unknown).toEqual([])
  })

  it('asks for labels that those metrics have', () => {
    const unknown = questions.flatMap(({ where, expression }) => {
      const { selectors, labels } = readPromql(expression)
      const known = selectors.flatMap(({ name }) => Object.keys(metricOf(name)?.labels ?? {}))
      const grouped = labels.filter((label) => ![...known, ...OF_PROMETHEUS].includes(label))
      const matched = selectors.flatMap(({ name, matchers }) =>
        matchers
          .map(({ label }) => label)
          .filter(
            (label) =>
              ![...Object.keys(metricOf(name)?.labels ?? {}), ...OF_PROMETHEUS].includes(label),
          ),
      )
      return [...grouped, ...matched].map((label) => `${where}: ${label}`)
    })
    expect(unknown).toEqual([])
  })

  it('compares them with values that they can have', () => {
    const unknown = questions.flatMap(({ where, expression }) =>
      readPromql(expression).selectors.flatMap(({ name, matchers }) =>
        matchers.flatMap(({ label, operator, value }) => {
          const values = metricOf(name)?.labels[label]
          if (!values || 'open' in values) return []
          const asked = operator.includes('~') ? value.split('|') : [value]
          return asked.filter((each) => !values.includes(each)).map((each) => `${where}: ${each}`)
        }),
      ),
    )
    expect(unknown).toEqual([])
  })

  it('makes rates of counters alone', () => {
    const wrong = questions.flatMap(({ where, expression }) =>
      [...expression.matchAll(/\b(?:rate|increase)\(([a-z_]+)/g)]
        .map(([, name = '']) => name)
        .filter((name) => !/_(total|bucket|sum|count)$/.test(name))
        .map((name) => `${where}: ${name}`),
    )
    expect(wrong).toEqual([])
  })
})

describe('the dashboards', () => {
  it.each(DASHBOARDS.map((each) => [each.uid, each] as const))(
    '%s.json is what its source makes (npm run docs writes it anew)',
    (uid, dashboard) => {
      const text = readFileSync(`deploy/grafana/dashboards/${uid}.json`, 'utf8')
      expect(text).toBe(dashboardText(dashboard))
    },
  )

  it('say in every panel what to look for', () => {
    const panels = DASHBOARDS.flatMap(({ rows }) => rows.flatMap((row) => row.panels))
    expect(panels.filter(({ description }) => !/^.{20,}\.$/.test(description))).toEqual([])
    const titles = DASHBOARDS.map(({ uid, rows }) =>
      rows.flatMap((row) => row.panels.map(({ title }) => `${uid} ${title}`)),
    )
    for (const each of titles) expect(new Set(each).size).toBe(each.length)
  })
})

describe('the alerts', () => {
  const runbook = readFileSync('docs/runbook.md', 'utf8')

  it('each have a paragraph in the runbook, and each paragraph its alert', () => {
    const paragraphs = [...runbook.matchAll(/^### (\w+)$/gm)].map(([, name = '']) => name)
    expect(paragraphs.toSorted()).toEqual(ALERTS.map(({ alert }) => alert).toSorted())
  })

  it('lead to it, and say how bad it is and what it means', () => {
    for (const { alert, labels, annotations } of ALERTS) {
      expect(annotations.runbook_url).toBe(`docs/runbook.md#${alert.toLowerCase()}`)
      expect(['critical', 'warning']).toContain(labels.severity)
      expect(annotations.summary).toMatch(/\w/)
      expect(annotations.description).toMatch(/\.$/)
    }
  })

  it('are answered by paragraphs of one form', () => {
    const sections = runbook.split(/^### /m).slice(1)
    for (const section of sections) {
      for (const part of ['**Means.**', '**Felt by**', '**Look.**', '**Do.**', '**Over**']) {
        expect(section).toContain(part)
      }
    }
  })

  it('have links in the runbook that lead somewhere', () => {
    const anchors = [...runbook.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
      title.toLowerCase(),
    )
    const links = [...runbook.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor)
    expect(links.length).toBeGreaterThan(0)
    expect(links.filter((anchor) => !anchors.includes(anchor ?? ''))).toEqual([])
  })

  it('name in the runbook no metric and no variable that is not there', () => {
    const known = [
      readFileSync('docs/reference/configuration.md', 'utf8'),
      readFileSync('nats/README.md', 'utf8'),
    ].join('\n')
    const variables = [...runbook.matchAll(/`((?:[A-Z]+_)+[A-Z]+)`/g)].map(([, name = '']) => name)
    expect(variables.length).toBeGreaterThan(3)
    const isStream = (name: string): boolean => /^(KV|DEAD)_/.test(name)
    expect(variables.filter((name) => !isStream(name) && !known.includes(name))).toEqual([])
    const metrics = [...runbook.matchAll(/\b(xmidt_[a-z_]+)\b/g)].map(([, name = '']) => name)
    expect(metrics.length).toBeGreaterThan(3)
    expect(metrics.filter((name) => name !== 'xmidt_' && !metricOf(name))).toEqual([])
  })

  it('ask after jobs that Prometheus scrapes, each by its operations port', () => {
    const { scrape_configs: jobs } = parse(
      readFileSync('deploy/prometheus/prometheus.yml', 'utf8'),
    ) as { scrape_configs: { job_name: string; dns_sd_configs: { port: number }[] }[] }
    const names = jobs.map(({ job_name: name }) => name)
    expect(new Set(names).size).toBe(names.length)
    const asked = ALERTS.flatMap(({ expr }) =>
      readPromql(expr).selectors.flatMap(({ matchers }) =>
        matchers.filter(({ label }) => label === 'job').flatMap(({ value }) => value.split('|')),
      ),
    )
    expect([...new Set(asked)].toSorted()).toEqual(names.toSorted())
    const configuration = readFileSync('docs/reference/configuration.md', 'utf8')
    for (const { job_name: name, dns_sd_configs: found } of jobs) {
      const variable = `\`${name.toUpperCase()}_OPERATIONS_PORT\` | port | \`${found[0]?.port}\``
      expect(configuration).toContain(variable)
    }
  })

  it('are each tried: one case in which it fires, one in which it does not', () => {
    const { tests } = parse(readFileSync('deploy/prometheus/alerts.test.yml', 'utf8')) as {
      tests: { name: string }[]
    }
    const names = tests.map(({ name }) => name)
    for (const { alert } of ALERTS) {
      expect(names).toContain(`${alert} fires`)
      expect(names).toContain(`${alert} does not fire`)
    }
  })

  it.runIf(hasPromtool)(
    'are what promtool takes, and fire when they should',
    () => {
      const run = (...parameters: string[]): string =>
        execFileSync('promtool', parameters, { encoding: 'utf8' })
      expect(run('check', 'rules', RULES_FILE)).toContain('SUCCESS')
      expect(run('check', 'config', 'deploy/prometheus/prometheus.yml')).toContain('SUCCESS')
      expect(run('test', 'rules', 'deploy/prometheus/alerts.test.yml')).toContain('SUCCESS')
    },
    PROMTOOL_MS,
  )
})
