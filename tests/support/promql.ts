/** What a PromQL expression asks for, read with Prometheus' own grammar. */
import { parser } from '@prometheus-io/lezer-promql'

/** One selector: a metric's name and what it says of labels. */
export interface Selector {
  name: string
  matchers: readonly { label: string; operator: string; value: string }[]
}

/** An expression's selectors, and every label that it groups or joins by. */
export interface Asked {
  selectors: readonly Selector[]
  labels: readonly string[]
}

/** @throws an Error that says where `expression` is no PromQL. */
export function readPromql(expression: string): Asked {
  const textOf = ({ from, to }: { from: number; to: number }): string => expression.slice(from, to)
  const selectors: { name: string; matchers: Selector['matchers'][number][] }[] = []
  const labels: string[] = []
  let isGrouping = false
  let matcher = { label: '', operator: '' }
  parser.parse(expression).iterate({
    enter(node) {
      if (node.type.isError) {
        throw new Error(`no PromQL at ${node.from}: ${expression}`)
      }
      if (node.name === 'GroupingLabels') isGrouping = true
      if (node.name === 'VectorSelector') selectors.push({ name: '', matchers: [] })
      const selector = selectors.at(-1)
      if (node.name === 'Identifier' && selector && selector.name === '') {
        selector.name = textOf(node)
      }
      if (node.name === 'LabelName') {
        if (isGrouping) labels.push(textOf(node))
        else matcher = { label: textOf(node), operator: '' }
      }
      if (node.name === 'MatchOp') matcher.operator = textOf(node)
      if (node.name === 'StringLiteral' && matcher.operator !== '') {
        selector?.matchers.push({ ...matcher, value: textOf(node).slice(1, -1) })
        matcher = { label: '', operator: '' }
      }
    },
    leave(node) {
      if (node.name === 'GroupingLabels') isGrouping = false
    },
  })
  return { selectors, labels }
}
