/** What the operating system has counted for a process. Only Linux tells; elsewhere all is NaN. */
import { readFileSync } from 'node:fs'

/** How the kernel counts a process' time: a hundredth of a second on every Linux of today. */
const TICKS_PER_SECOND = 100

/** User and system time of all these processes, in seconds. */
export const cpuSeconds = (pids: readonly number[]): number =>
  pids
    .map((pid) => {
      // The name of the program is in brackets and may hold anything.
      const fields = read(pid, 'stat').split(') ').pop()?.split(' ') ?? []
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
    })
    .reduce((sum, seconds) => sum + seconds, 0)

/** Memory that a process holds in RAM, in KiB. */
export function residentKiB(pid: number): number {
  const [, size] = /^VmRSS:\s+(\d+) kB$/m.exec(read(pid, 'status')) ?? []
  return Number(size)
}

/** How many writes a process has asked of the kernel, to sockets and all else; no load changes it. */
export const writeCalls = (pid: number): number =>
  Number(/^syscw: (\d+)$/m.exec(read(pid, 'io'))?.[1] ?? Number.NaN)

function read(pid: number, file: 'stat' | 'status' | 'io'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
