/** What is said of several measurements. */

/** The value below which `share` (0 to 1) of them are; NaN of none. */
export const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((one, other) => one - other)[
    Math.min(values.length - 1, Math.floor(values.length * share))
  ] ?? Number.NaN

/** The one in the middle, or halfway between the two that are; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = (sorted.length - 1) / 2
  const [below = Number.NaN, above = Number.NaN] = [Math.floor(middle), Math.ceil(middle)].map(
    (index) => sorted[index],
  )
  return (below + above) / 2
}

/** The straight line nearest to the points, and how near it is: 1 when all are on it. NaN of one point. */
export function fitLine(points: readonly { x: number; y: number }[]): {
  slope: number
  r2: number
} {
  const mean = (of: (point: { x: number; y: number }) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [meanX, meanY] = [mean(({ x }) => x), mean(({ y }) => y)]
  const varianceX = mean(({ x }) => (x - meanX) ** 2)
  const varianceY = mean(({ y }) => (y - meanY) ** 2)
  const covariance = mean(({ x, y }) => (x - meanX) * (y - meanY))
  return { slope: covariance / varianceX, r2: covariance ** 2 / (varianceX * varianceY) }
}
