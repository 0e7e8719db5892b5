/** The containers of the project: which there are, how they are, and how one is killed. */
import type { Engine } from './engine.ts'

/** One container of the project. */
export interface Container {
  name: string
  service: string
  /** Of its service, from 1 on. */
  index: number
  /** `running`, `exited` and so on. */
  state: string
  exitCode: number
  /** Undefined where no check is defined. */
  health: string | undefined
  restarts: number
  /** Of its first process, as the engine's host sees it. */
  pid: number
}

interface Inspected {
  Name: string
  RestartCount: number
  State: { Status: string; ExitCode: number; Pid: number; Health?: { Status: string } }
  Config: { Labels: Record<string, string> }
}

const PROJECT_LABEL = 'com.docker.compose.project'

/** All containers of `project`, stopped ones too. */
export async function containersOf(engine: Engine, project: string): Promise<Container[]> {
  const ids = await engine.docker(['ps', '-aq', '-f', `label=${PROJECT_LABEL}=${project}`])
  const list = ids.split('\n').filter((id) => id !== '')
  if (list.length === 0) return []
  const inspected = JSON.parse(await engine.docker(['inspect', ...list])) as Inspected[]
  return inspected.map(({ Name, RestartCount, State, Config }) => ({
    name: Name.replace(/^\//, ''),
    service: Config.Labels['com.docker.compose.service'] ?? '',
    index: Number(Config.Labels['com.docker.compose.container-number']),
    state: State.Status,
    exitCode: State.ExitCode,
    health: State.Health?.Status,
    restarts: RestartCount,
    pid: State.Pid,
  }))
}

/** What keeps the project from being up; empty when all is well. Steps must have ended with 0. */
export function faultsOf(containers: readonly Container[], steps: readonly string[]): string[] {
  return containers.flatMap(({ name, service, state, exitCode, health }) => {
    if (steps.includes(service)) {
      return state === 'exited' && exitCode === 0 ? [] : [`${name} is ${state} (${exitCode})`]
    }
    return state === 'running' && (health ?? 'healthy') === 'healthy'
      ? []
      : [`${name} is ${state}, ${health ?? 'without a check'}`]
  })
}

/**
 * Kills the first process of a container with SIGKILL, as a crash does. Not by `docker kill`: what a
 * person stops, the engine does not start again. So a process beside it in the host's own view does.
 */
export async function crash(engine: Engine, container: Container, image: string): Promise<void> {
  const confined = ['--network', 'none', '--user', '0', '--cap-drop', 'ALL', '--cap-add', 'KILL']
  const script = `process.kill(${container.pid}, 'SIGKILL')`
  await engine.docker(['run', '--rm', '--pid', 'host', ...confined, image, '-e', script])
}

/** Containers, networks and volumes that carry the project's label. */
export async function leftovers(engine: Engine, project: string): Promise<string[]> {
  const filter = ['-f', `label=${PROJECT_LABEL}=${project}`]
  const listed = await Promise.all([
    engine.docker(['ps', '-a', '--format', 'container {{.Names}}', ...filter]),
    engine.docker(['network', 'ls', '--format', 'network {{.Name}}', ...filter]),
    engine.docker(['volume', 'ls', '--format', 'volume {{.Name}}', ...filter]),
  ])
  return listed.flatMap((text) => text.split('\n')).filter((line) => line !== '')
}
