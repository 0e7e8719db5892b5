/** What the tests of the k6 scripts ask of a run, and how small they make it. */
import { expect } from 'vitest'
import type { K6Result } from './k6.ts'

/** Small, and with limits that a busy machine keeps: what is tested is the scripts, not the speed. */
export const SMALL = {
  DEVICES: 6,
  DEVICES_PER_VU: 4,
  RAMP_SECONDS: 0.3,
  DURATION_SECONDS: 1.5,
  HOLD_SECONDS: 1.5,
  PING_SECONDS: 1,
  TIMEOUT_SECONDS: 8,
  CONNECT_MS: 20_000,
  ACK_MS: 20_000,
  COMMAND_MS: 20_000,
  DELIVERY_MS: 20_000,
  RECOVERY_MS: 20_000,
}

/** The label of a row in the table, and its first number. */
export const rowOf = ({ stdout }: K6Result, label: string): number =>
  Number(stdout.match(new RegExp(`^ +${label} +(\\d+)`, 'm'))?.[1])

/** All thresholds were kept, and nothing was told as an error. */
export const isGood = (result: K6Result): void => {
  expect(result.stderr).not.toMatch(/^ERRO|level=error/m)
  expect(result.stdout).toContain('thresholds were kept')
  expect(result.code).toBe(0)
}

/** These thresholds were not kept. */
export const isBroken = (result: K6Result, ...rules: string[]): void => {
  expect(result.code).toBe(99)
  for (const rule of rules) expect(result.stdout).toContain(`BROKEN  ${rule}`)
}
