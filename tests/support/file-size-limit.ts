/**
 * A disk that is full, for one process: over its limit of a file's size a write fails, as one does
 * with no space left. It needs no rights beyond those over one's own process, and can be lifted
 * while the process runs. nats-server 2.15.2 does the same after either error; that was compared
 * once with a small file system.
 */
import { execFileSync, spawnSync } from 'node:child_process'

/** Why it cannot be done on this machine; undefined where it can. */
export const whyNoFileSizeLimit: string | undefined =
  spawnSync('prlimit', ['--version']).status === 0
    ? undefined
    : 'no prlimit (util-linux) to limit the files of a running process'

/** No file of process `pid` may grow beyond `bytes` from now on; undefined lifts the limit. */
export function limitFileSize(pid: number, bytes: number | undefined): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes ?? 'unlimited'}:`])
}
