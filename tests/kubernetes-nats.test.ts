/** deploy/kubernetes/nats-values.yaml: what the chart will give nats-server, tried with a nats-server. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { USERS } from '#nats/permissions.ts'

const root = join(import.meta.dirname, '..')
const file = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8')
const values = parse(file('deploy', 'kubernetes', 'nats-values.yaml')) as {
  config: {
    merge: Record<string, unknown>
    jetstream: { merge: Record<string, unknown>; fileStore: { maxSize: string } }
  }
  podTemplate: {
    merge: { spec: { terminationGracePeriodSeconds: number } }
    patch: { value: { name: string; configMap: { name: string } } }[]
  }
  container: { patch: { value: { name: string; mountPath: string } }[] }
}
const { merge } = values.config
const include = Object.keys(merge).find((key) => key.endsWith('$include')) ?? ''

let directory: string
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'xmidt-values-'))))
afterAll(() => rmSync(directory, { recursive: true }))

describe("the values for NATS' chart", () => {
  it('make a configuration that the server takes, with the accounts of production', () => {
    // As the chart does: JSON, and a key that ends in $include becomes a line of its own.
    const own = JSON.stringify({ ...merge, [include]: undefined }).slice(1, -1)
    const text = `${own}\ninclude ${String(merge[include])};\n`
    const [volume] = values.podTemplate.patch
    const [mount] = values.container.patch
    expect(mount?.value.name).toBe(volume?.value.name)
    const configuration = join(directory, 'etc', 'nats-config')
    mkdirSync(configuration, { recursive: true })
    mkdirSync(join(directory, mount?.value.mountPath ?? ''))
    writeFileSync(join(configuration, 'nats.conf'), text)
    copyFileSync(
      join(root, 'nats', 'production', 'accounts.conf'),
      join(directory, mount?.value.mountPath ?? '', 'accounts.conf'),
    )
    const binary = process.env.NATS_SERVER_BIN ?? 'nats-server'
    const passwords = USERS.map(({ user }) => [`NATS_${user.toUpperCase()}_PASSWORD`, 'secret'])
    const tested = execFileSync(binary, ['-t', '-c', join(configuration, 'nats.conf')], {
      stdio: 'pipe',
      env: Object.fromEntries(passwords) as NodeJS.ProcessEnv,
    })
    expect(tested).toBeDefined()
    expect(file('deploy', 'kubernetes', 'README.md')).toContain(
      `create configmap ${volume?.value.configMap.name} --from-file=nats/production/accounts.conf`,
    )
  })

  it('are those of the servers in nats/production', () => {
    const production = file('nats', 'production', 'fabric.conf')
    const shared = Object.entries(merge).filter(([key]) => key !== include)
    const written = (key: string): string | undefined =>
      new RegExp(`^${key}: (.*)$`, 'm').exec(production)?.[1]?.replaceAll('"', '')
    const inBytes = (text = ''): string =>
      text.replace(/^(\d+)MB$/, (_, megabytes: string) => String(Number(megabytes) * 1024 * 1024))
    expect(shared.length).toBeGreaterThan(5)
    for (const [key, value] of shared)
      expect([key, inBytes(written(key))]).toEqual([key, String(value)])
    const jetstream = file('nats', 'production', 'jetstream.conf')
    expect(jetstream).toContain(
      `sync_interval: "${String(values.config.jetstream.merge.sync_interval)}"`,
    )
    expect(jetstream).toContain(`max_file_store: ${values.config.jetstream.fileStore.maxSize}B`)
  })

  it('give a server the time that it lets its clients go in', () => {
    const minutes = /^(\d+)m$/.exec(String(merge.lame_duck_duration))?.[1]
    expect(values.podTemplate.merge.spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(
      Number(minutes) * 60 + 20,
    )
  })
})
