/** How things look in a terminal: plain when the output is no terminal or NO_COLOR is set. */
import { styleText } from 'node:util'

/** Text that stands back. */
export const dim = (text: string): string => style('dim', text)

/** Text to look at first. */
export const bold = (text: string): string => style('bold', text)

/** Something went well. */
export const green = (text: string): string => style('green', text)

/** Something to look into. */
export const yellow = (text: string): string => style('yellow', text)

/** Names of parts and devices. */
export const cyan = (text: string): string => style('cyan', text)

const style = (format: 'dim' | 'bold' | 'green' | 'yellow' | 'cyan', text: string): string =>
  styleText(format, text, { stream: process.stdout })

/** Rows in columns, two blanks apart. The last column is not padded. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, cell.length)
    }
  }
  return rows
    .map((row) =>
      row
        .map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)))
        .join('  '),
    )
    .join('\n')
}

/** The time of day to the millisecond, as a column. */
export const timeOfDay = (date = new Date()): string => date.toISOString().slice(11, 23)
