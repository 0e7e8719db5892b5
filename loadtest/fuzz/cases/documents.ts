/** JSON written by hand, so that it can have duplicate keys, huge numbers, any depth, and no end. */
import { hostileBytes, hostileText } from './texts.ts'

type Random = (below: number) => number

/** `depth` of them in each other, such as `[[[[`, closed or not. */
export const nested = (depth: number, open: string, close: string): string =>
  open.repeat(depth) + close.repeat(depth)

const NUMBERS = [
  '1e999',
  '-1e999',
  '1e-999',
  '-0',
  '9007199254740993',
  '9'.repeat(400),
  '0x10',
  '01',
]

/** A value that none expects there, as JSON or nearly. */
export function hostileJson(random: Random): string {
  switch (random(12)) {
    case 0:
      return NUMBERS[random(NUMBERS.length)] ?? '0'
    case 1:
      return nested([100, 5_000, 100_000][random(3)] ?? 1, '[', ']')
    case 2:
      return nested([100, 5_000, 50_000][random(3)] ?? 1, '{"a":', '}')
    case 3:
      return '['.repeat(random(100_000))
    case 4:
      return `[${Array.from({ length: 1 + random(2_000) }, () => '"a"').join(',')}]`
    case 5:
      return ['null', 'true', '[]', '{}', '""', 'NaN'][random(6)] ?? 'null'
    case 6:
      return '{"__proto__":{"toString":1},"constructor":null}'
    case 7:
      return '"\\ud800"'
    case 8:
      return `"${hostileBytes(random).toString('latin1')}"`
    default:
      return JSON.stringify(hostileText(random))
  }
}

/** An object of these, of which some are replaced, doubled or left out. */
export function hostileObject(fields: Readonly<Record<string, unknown>>, random: Random): string {
  const written = Object.entries(fields).flatMap(([name, value]) => {
    const key = JSON.stringify(random(24) === 0 ? hostileText(random) : name)
    const honest = `${key}:${JSON.stringify(value)}`
    const way = random(16)
    if (way === 0) return []
    if (way === 1) return [`${key}:${hostileJson(random)}`]
    if (way === 2) return [honest, `${key.toUpperCase()}:${hostileJson(random)}`]
    return [honest]
  })
  return random(24) === 0 ? hostileJson(random) : `{${written.join(',')}}`
}
