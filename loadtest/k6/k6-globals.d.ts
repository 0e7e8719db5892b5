/** What k6 has without an import and `@types/k6` does not declare. */
declare const console: {
  log(...values: unknown[]): void
  warn(...values: unknown[]): void
  error(...values: unknown[]): void
}
