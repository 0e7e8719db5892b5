/** What of the compose stack can be checked without Docker. `npm run test:compose` does the rest. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { z } from 'zod'
import { caduceusEnv } from '#apps/caduceus/config.ts'
import { exporterEnv } from '#apps/exporter/config.ts'
import { edgeEnv } from '#apps/edge/config.ts'
import { petasosEnv } from '#apps/petasos/config.ts'
import { scytaleEnv } from '#apps/scytale/config.ts'
import { talariaEnv } from '#apps/talaria/config.ts'
import { themisEnv } from '#apps/themis/config.ts'
import { accessEnv, devicesEnv } from '#apps/xmidt/environment.ts'
import { layout } from '#apps/xmidt/secrets/layout.ts'
import { makePasswords } from '#apps/xmidt/secrets/passwords.ts'
import { fieldMeta } from '#libs/config/load.ts'
import { applyEnv } from '#nats/apply.ts'
import manifest from '#package' with { type: 'json' }
import { replicaEnv } from '#deploy/compose/talaria.ts'

/** What of a service is looked at here. */
interface Service {
  image: string
  user?: string
  read_only?: boolean
  cap_drop?: string[]
  security_opt?: string[]
  restart?: string
  environment?: Record<string, string | number | null>
  ports?: string[]
  volumes?: string[]
  healthcheck?: { test: string[] }
  mem_limit?: string
  pids_limit?: number
  stop_grace_period?: string
  logging?: { options: Record<string, string> }
  depends_on?: Record<string, { condition: string }>
  scale?: number
}

const text = readFileSync('compose.yaml', 'utf8')
const file = parse(text, { merge: true, maxAliasCount: -1 }) as {
  services: Record<string, Service>
  volumes: Record<string, unknown>
}
const services = Object.entries(file.services)
const dockerfile = readFileSync('Dockerfile', 'utf8')
const page = readFileSync('docs/compose.md', 'utf8')

/** Whose variables a service of our image reads. */
const SCHEMAS: Record<string, readonly z.ZodObject[]> = {
  secrets: [accessEnv],
  streams: [applyEnv],
  themis: [themisEnv],
  talaria: [talariaEnv, replicaEnv],
  petasos: [petasosEnv],
  scytale: [scytaleEnv],
  caduceus: [caduceusEnv],
  edge: [edgeEnv],
  devices: [devicesEnv],
  exporter: [exporterEnv],
  'k6-receiver': [],
}

const OURS = `xmidt-on-nats:${manifest.version}`
const STEPS = ['secrets', 'streams', 'k6']

const names = (predicate: (service: Service, name: string) => boolean): string[] =>
  services.filter(([name, service]) => predicate(service, name)).map(([name]) => name)

describe('every service', () => {
  it('has an image of one version', () => {
    expect(names(({ image }) => !/^[\w./-]+:v?\d+\.\d+\.\d+(-[\w.]+)?$/.test(image))).toEqual([])
  })

  it('is confined: read-only, without capabilities, as no root', () => {
    const isConfined = ({
      read_only: readOnly,
      cap_drop: drop,
      security_opt: options,
      user,
    }: Service) =>
      readOnly === true &&
      drop?.join() === 'ALL' &&
      options?.join() === 'no-new-privileges:true' &&
      (user ?? '').startsWith('1000:')
    expect(names((service) => !isConfined(service))).toEqual([])
  })

  it('has limits, and logs that do not fill the disk', () => {
    const isLimited = ({ mem_limit: memory, pids_limit: pids, logging }: Service) =>
      memory !== undefined && pids !== undefined && logging?.options['max-size'] !== undefined
    expect(names((service) => !isLimited(service))).toEqual([])
  })

  it('that stays is started again, has a health check, and time to end', () => {
    const isKept = ({ restart, healthcheck, stop_grace_period: grace }: Service) =>
      restart === 'unless-stopped' && healthcheck !== undefined && grace !== undefined
    expect(names((service, name) => !STEPS.includes(name) && !isKept(service))).toEqual([])
    expect(names(({ restart }, name) => STEPS.includes(name) && restart !== 'no')).toEqual([])
  })

  it('of ours gets more time to end than it allows itself', () => {
    const ownMs = talariaEnv.shape.SHUTDOWN_MS.parse(undefined)
    const graceMs = (grace = '') => Number(grace.replace(/s$/, '')) * 1_000
    const isCut = ({ image, stop_grace_period: grace }: Service) =>
      image === OURS && graceMs(grace) <= ownMs
    expect(names((service, name) => !STEPS.includes(name) && isCut(service))).toEqual([])
  })

  it('reads only variables that its app knows, and values that it takes', () => {
    const faults = services.flatMap(([name, { image, environment = {} }]) => {
      if (image !== OURS || !SCHEMAS[name]) return []
      const shape: Record<string, z.ZodType> = Object.assign(
        {},
        ...SCHEMAS[name].map((schema) => schema.shape),
      )
      return Object.entries(environment).flatMap(([variable, value]) => {
        const field = shape[variable.replace(/_FILE$/, '')]
        if (shape[variable] === undefined && (!field || fieldMeta(field)?.isSecret !== true)) {
          return [`${name}: ${variable} is unknown`]
        }
        const given = interpolated(String(value ?? ''))
        if (shape[variable] === undefined || given === '') return []
        return shape[variable].safeParse(given).success ? [] : [`${name}: ${variable}=${given}`]
      })
    })
    expect(faults).toEqual([])
    expect(names(({ image }, name) => image === OURS && !SCHEMAS[name])).toEqual([])
  })

  it('waits for those that it needs by their health or their success', () => {
    const conditions = services.flatMap(([, { depends_on: needed = {} }]) =>
      Object.entries(needed).map(([name, { condition }]) => [name, condition] as const),
    )
    for (const [name, condition] of conditions) {
      expect(condition).toBe(
        STEPS.includes(name) ? 'service_completed_successfully' : 'service_healthy',
      )
    }
  })
})

/** A text as compose makes it when no variable is set. */
const interpolated = (value: string): string =>
  value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1').replaceAll('$$', '$')

describe('compose.yaml', () => {
  it('publishes on loopback unless XMIDT_BIND says otherwise', () => {
    const ports = services.flatMap(([, service]) => service.ports ?? [])
    expect(ports.length).toBeGreaterThan(0)
    expect(ports.filter((port) => !port.startsWith('${XMIDT_BIND:-127.0.0.1}:'))).toEqual([])
  })

  it('has a default for each of its variables, and docs/compose.md or the apps know it', () => {
    const variables = new Set(
      [...text.matchAll(/\$\{(\w+)(:-)?/g)].map(([, name = '', fallback]) =>
        fallback === undefined ? `${name} has no default` : name,
      ),
    )
    const known = new Set(
      Object.values(SCHEMAS)
        .flat()
        .flatMap(({ shape }) => Object.keys(shape)),
    )
    expect(
      [...variables].filter((name) => !known.has(name) && !page.includes(`\`${name}\``)),
    ).toEqual([])
  })

  it('holds no secret: what opens a door comes from a file', () => {
    const secrets = services.flatMap(([name, { environment = {} }]) =>
      Object.keys(environment)
        .filter((variable) =>
          /PASSWORD|CREDENTIAL|SECRET|NATS_URL$|CALLER|XMIDT_DEVICE$/.test(variable),
        )
        .filter((variable) => !/_FILE$|__FILE$/.test(variable))
        .map((variable) => `${name}: ${variable}`),
    )
    expect(secrets).toEqual([])
    expect(text).not.toMatch(/[0-9a-f]{32}|BEGIN [A-Z ]*KEY/)
  })

  it('gives each its own secrets and nobody others’', () => {
    const mounts = services.flatMap(([name, { volumes = [] }]) =>
      volumes
        .filter((volume) => volume.startsWith('secrets'))
        .map((volume) => [name, volume] as const),
    )
    const readers = mounts.filter(([name]) => name !== 'secrets')
    expect(readers.length).toBeGreaterThan(8)
    for (const [name, volume] of readers) expect(volume).toBe(`secrets-${name}:/run/xmidt:ro`)
  })

  it('mounts no path that is not in the repository', () => {
    const paths = services.flatMap(([, { volumes = [] }]) =>
      volumes
        .filter((volume) => volume.startsWith('.'))
        .map((volume) => volume.split(':')[0] ?? ''),
    )
    expect(paths.length).toBeGreaterThan(3)
    expect(paths.filter((path) => !existsSync(path))).toEqual([])
  })

  it('makes the secrets of each that mounts some, and declares the volume', () => {
    const pair = { certificate: '', key: '' }
    const made = Object.keys(
      layout({
        passwords: makePasswords(),
        authority: '',
        servers: { 'nats-1': pair, 'nats-2': pair, 'nats-3': pair },
      }),
    ).toSorted()
    const mounted = (file.services.secrets?.volumes ?? [])
      .map((volume) => volume.match(/^secrets-(.+):\/secrets\/(.+)$/))
      .flatMap((found) => (found ? [{ volume: found[1] ?? '', directory: found[2] ?? '' }] : []))
    expect(new Set(mounted.map(({ directory }) => directory))).toEqual(new Set(made))
    for (const { volume, directory } of mounted) expect(volume).toBe(directory)
    for (const name of made) expect(Object.keys(file.volumes)).toContain(`secrets-${name}`)
    // A new volume takes its owner from the image's directory: so the image must have each.
    const inImage = dockerfile.match(/for name in ([^;]+);/)?.[1]?.split(' ')
    expect(inImage?.toSorted()).toEqual(made)
  })

  it('publishes as many ports for Talarias as edge has', () => {
    const routes = edgeEnv.parse({
      EDGE_ROUTES: String(file.services.edge?.environment?.EDGE_ROUTES),
    })
    const talarias = routes.EDGE_ROUTES.filter(({ service }) => service === 'talaria')
    expect(talarias.map(({ port }) => port)).toEqual(
      Array.from({ length: 16 }, (_, index) => 6200 + index),
    )
    const published = file.services.edge?.ports?.map((port) => port.split(':').at(-1))
    expect(published).toEqual(['6000', '6300', '6400', '6500', '6200-6215'])
  })
})

describe('the image', () => {
  it('is of the Node that is tested with', () => {
    expect(dockerfile).toContain(`ARG NODE_IMAGE=node:${manifest.devDependencies.node}-`)
  })

  it('is the one that compose.yaml runs', () => {
    expect(dockerfile).toContain(`ARG VERSION=${manifest.version}`)
    expect(names(({ image }) => image === OURS)).toContain('talaria')
  })

  it('has production dependencies only, and a process that is not root', () => {
    const stages = dockerfile.split(/^FROM /m).slice(1)
    expect(stages).toHaveLength(2)
    expect(stages[0]).toMatch(/npm ci --omit=dev .*--ignore-scripts/)
    const last = stages[1] ?? ''
    expect(last.indexOf('\nUSER node\n')).toBeGreaterThan(last.lastIndexOf('\nRUN '))
    expect(last).toMatch(/\nENTRYPOINT \["node"\]\n/)
    expect(last).not.toMatch(/npm|apt-get/)
  })

  it('takes along what is named, and no tests', () => {
    const lines = readFileSync('.dockerignore', 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    expect(lines[0]).toBe('*')
    expect(lines).toContain('**/*.test.ts')
  })
})
