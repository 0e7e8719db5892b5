/** What the manifests of deploy/kubernetes tell the apps, checked by the apps' own schemas. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { caduceusEnv } from '#apps/caduceus/config.ts'
import { exporterEnv } from '#apps/exporter/config.ts'
import { petasosEnv } from '#apps/petasos/config.ts'
import { scytaleEnv } from '#apps/scytale/config.ts'
import { talariaEnv } from '#apps/talaria/config.ts'
import { themisEnv } from '#apps/themis/config.ts'
import { loadConfig } from '#libs/config/load.ts'
import { applyEnv } from '#nats/apply.ts'
import { resolveKustomization, type Manifest } from '#tests/support/kubernetes/kustomization.ts'
import { environmentOf, workloads, type Workload } from '#tests/support/kubernetes/workload.ts'

const FOLDER = join(import.meta.dirname, '..', 'deploy', 'kubernetes')
const base = resolveKustomization(join(FOLDER, 'base'))
const example = resolveKustomization(join(FOLDER, 'example'))

/** What Node reads itself. */
const NODE_KNOWN = ['NODE_OPTIONS']

const SCHEMAS = {
  'apply-streams': applyEnv,
  caduceus: caduceusEnv,
  exporter: exporterEnv,
  petasos: petasosEnv,
  scytale: scytaleEnv,
  talaria: talariaEnv,
  themis: themisEnv,
}
/** Of secrets' files, where not any text will do. */
const CONTENTS: Readonly<Record<string, string>> = {
  THEMIS_DEVICE_GRANTS_FILE: '{}\n',
  CADUCEUS_SECRET_KEYS_FILE: `first:${Buffer.alloc(32).toString('base64')}\n`,
}

const all = workloads(base)
const apps = all.filter(({ kind }) => kind !== 'Job')

describe('the environment in the manifests', () => {
  let directory: string
  beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'kubernetes-'))))
  afterAll(() => rmSync(directory, { recursive: true }))

  /** The environment with its secrets' files in a place where this test may write. */
  const configured = (workload: Workload): Record<string, string> => {
    const environment = environmentOf(
      workload.container,
      `${workload.name}-1`,
      () => 'tls://a:b@nats',
    )
    for (const [name, value] of Object.entries(environment)) {
      if (!name.endsWith('_FILE') || !value.startsWith('/secrets/')) continue
      const mount = workload.container.volumeMounts?.find(({ mountPath }) =>
        value.startsWith(`${mountPath}/`),
      )
      expect(mount, `${value} is in no volume`).toBeDefined()
      const file = join(directory, workload.name, value)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, CONTENTS[name] ?? 'tls://a:b@nats:4222\n')
      environment[name] = file
    }
    return environment
  }

  it.each(all.map((workload) => [workload.name, workload] as const))(
    'of %s is taken by the app, and it knows every variable',
    (name, workload) => {
      const schema = SCHEMAS[name as keyof typeof SCHEMAS]
      const environment = configured(workload)
      expect(() => loadConfig(schema, environment)).not.toThrow()
      const known = new Set(
        Object.keys(schema.shape).flatMap((variable) => [variable, `${variable}_FILE`]),
      )
      const strange = Object.keys(environment).filter((variable) => !known.has(variable))
      expect(strange.filter((variable) => !NODE_KNOWN.includes(variable))).toEqual([])
    },
  )

  it('gives each Talaria a name and a URL of its own, in the example too', () => {
    const urlOf = (manifests: Manifest[]): string | undefined => {
      const talaria = workloads(manifests).find(({ name }) => name === 'talaria')
      return talaria && environmentOf(talaria.container, 'talaria-1', () => '').TALARIA_URL
    }
    expect(urlOf(base)).toBe('http://talaria-1.talaria.xmidt.svc.cluster.local:6200')
    expect(urlOf(example)).toBe('https://talaria-1.devices.example.com')
    const hosts = example
      .filter(({ kind }) => kind === 'Ingress')
      .flatMap(({ spec }) => (spec as { rules: { host: string }[] }).rules.map(({ host }) => host))
    const replicas = workloads(example).find(({ name }) => name === 'talaria')?.replicas ?? 0
    for (let index = 0; index < replicas; index += 1) {
      expect(hosts).toContain(`talaria-${index}.devices.example.com`)
    }
  })

  it.each(apps.map((workload) => [workload.name, workload] as const))(
    'of %s fits its ports, its probes and the time it is given to end',
    (name, workload) => {
      const { container, pod } = structuredClone(workload)
      const config = loadConfig(
        SCHEMAS[name as keyof typeof SCHEMAS],
        configured(workload),
      ) as Readonly<Record<string, unknown>>
      const prefix = name.toUpperCase()
      expect(config[`${prefix}_HOST`]).toBe('0.0.0.0')
      // Where it is not set, there is no other port than that of operations.
      expect(config[`${prefix}_OPERATIONS_HOST`] ?? config[`${prefix}_HOST`]).toBe('0.0.0.0')
      const ports = container.ports ?? []
      expect(ports.pop()).toEqual({
        name: 'operations',
        containerPort: config[`${prefix}_OPERATIONS_PORT`],
      })
      const primary = config[`${prefix}_PORT`]
      expect(ports.map(({ containerPort }) => containerPort)).toEqual(
        primary === undefined ? [] : [primary],
      )
      for (const [probe, path] of [
        [container.startupProbe, '/livez'],
        [container.livenessProbe, '/livez'],
        [container.readinessProbe, '/readyz'],
      ] as const) {
        expect(probe?.httpGet).toEqual({ path, port: 'operations' })
      }
      const shutdownMs = Number(config.SHUTDOWN_MS)
      const preStopMs = (container.lifecycle?.preStop.sleep.seconds ?? 0) * 1_000
      const graceMs = (pod.spec.terminationGracePeriodSeconds ?? 30) * 1_000
      expect(graceMs).toBeGreaterThanOrEqual(preStopMs + shutdownMs + 5_000)
      if (name === 'talaria') {
        const closing = Number(config.TALARIA_DRAIN_MS) + Number(config.TALARIA_SETTLE_MS)
        expect(shutdownMs).toBeGreaterThanOrEqual(closing + 10_000)
      }
    },
  )
})
