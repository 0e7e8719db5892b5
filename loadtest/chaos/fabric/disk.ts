/**
 * A small disk that can be full, without rights on the machine: a file system in memory that is
 * mounted in a namespace of its own (Linux). It is gone with the processes that are in it.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardChild } from '#nats/guard.ts'

/** A mounted disk. Disposing it ends its namespace. */
export interface Disk extends AsyncDisposable {
  readonly directory: string
  /** The command that runs a program on it: the program keeps the process id. */
  enter(program: string): readonly string[]
  /** Takes all the room that is left. */
  fill(): void
  /** Gives it back. */
  free(): void
}

/** Undefined where the machine does not allow it. */
export async function createDisk(bytesMax: number): Promise<Disk | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'xmidt-chaos-disk-'))
  const mount = `mount -t tmpfs -o size=${bytesMax} tmpfs '${directory}' && echo mounted && exec sleep infinity`
  const holder = spawn('unshare', ['--map-root-user', '--mount', 'sh', '-c', mount], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  const ended = once(holder, 'exit').catch(() => undefined)
  const isMounted = await Promise.race([
    once(holder.stdout, 'data').then(() => true),
    ended.then(() => false),
  ])
  if (!isMounted || holder.pid === undefined) {
    rmdirSync(directory)
    return undefined
  }
  const endGuard = guardChild(holder.pid)
  const namespace = ['--target', String(holder.pid), '--user', '--mount', '--preserve-credentials']
  const run = (command: string): void =>
    void execFileSync('nsenter', [...namespace, 'sh', '-c', command], { stdio: 'ignore' })
  const filler = join(directory, 'filler')
  return {
    directory,
    enter: (program) => ['nsenter', ...namespace, program],
    // It ends with an error when there is no room left, which is what is wanted.
    fill: () => run(`dd if=/dev/zero of='${filler}' bs=4096 || true`),
    free: () => run(`rm -f '${filler}'`),
    async [Symbol.asyncDispose]() {
      endGuard()
      holder.kill('SIGKILL')
      await ended
      rmdirSync(directory)
    },
  }
}
