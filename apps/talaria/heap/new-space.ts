/**
 * The heap of a process that holds thousands of silent devices: the space of new objects keeps its
 * first size, 1 MiB, until somebody lets it grow.
 *
 * By default V8 lets it grow to 16 MiB, and takes three times that. After a storm of connects it
 * stays as large, and what was promoted to the old space meanwhile is not collected for a long
 * time: both count as memory of each device, and no device uses it. A small space is collected more
 * often: a device takes 7 KiB instead of 19, and a connect a tenth of a millisecond more.
 * `--max-semi-space-size` would do the same but has an effect only on the command line, where it
 * can be forgotten.
 *
 * Under many events the small space costs more than it saves: what belongs to those on their way
 * does not fit into it, so each collection copies all of that. `growth.ts` then lets it grow.
 */
import { setFlagsFromString } from 'node:v8'

let isKeptSmall = false

/** V8 reads the flag each time that the space could grow; by itself it uses 2. */
const setGrowthFactor = (factor: 1 | 2): void =>
  setFlagsFromString(`--semi-space-growth-factor=${factor}`)

/** From now on the space of new objects of this process grows only when it is let. */
export function keepNewSpaceSmall(): void {
  isKeptSmall = true
  setGrowthFactor(1)
}

/**
 * Whether a space that is kept small may grow for now, as V8 would have it. One that has grown V8
 * makes small again by itself, at a collection while little is allocated. Nothing where it is not
 * kept small.
 */
export function letNewSpaceGrow(isLet: boolean): void {
  if (isKeptSmall) setGrowthFactor(isLet ? 2 : 1)
}
