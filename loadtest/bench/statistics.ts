/** What is said of several measurements. */

/** The value below which `share` (0 to 1) of them are; NaN of none. */
export const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((one, other) => one - other)[
    Math.min(values.length - 1, Math.floor(values.length * share))
  ] ?? Number.NaN

/** Half of them are below it. */
export const median = (values: readonly number[]): number => quantile(values, 0.5)
