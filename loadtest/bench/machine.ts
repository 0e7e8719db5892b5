/** What a measurement ran on. A figure without it means nothing to the next reader. */
import { execFileSync } from 'node:child_process'
import { cpus, loadavg, totalmem, version } from 'node:os'
import { findNatsServer } from '#nats/binary/binary.ts'

/** More than this before a run starts: something else is running, and its figures are not to be trusted. */
export const QUIET_LOAD = 0.5

/** The machine and the versions. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
  readonly natsServer: string
  /** The load average of the last minute, before the run. */
  readonly load: number
}

/** Looks at the machine. Throws when no nats-server is to be had. */
export async function lookAtMachine(): Promise<Machine> {
  const said = execFileSync(await findNatsServer(), ['--version'], { encoding: 'utf8' })
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: version(),
    node: process.version,
    natsServer: /\d+\.\d+\.\d+/.exec(said)?.[0] ?? said.trim(),
    load: loadavg()[0] ?? Number.NaN,
  }
}

/** One line, and a second one when the machine has other things to do. */
export function describeMachine(machine: Machine): string {
  const { cpu, cores, memoryGiB, node, natsServer, load } = machine
  const line = `${cores} × ${cpu}, ${memoryGiB} GiB, Node ${node}, nats-server ${natsServer}`
  return load > QUIET_LOAD
    ? `${line}\nload ${load.toFixed(1)}: something else is running, so trust no figure of this run`
    : line
}
