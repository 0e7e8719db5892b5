/** deploy/kubernetes without a cluster: by Kubernetes' schemas, and by how its parts fit together. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  parseManifests,
  resolveKustomization,
  type Manifest,
} from '#tests/support/kubernetes/kustomization.ts'
import { schemaFaults } from '#tests/support/kubernetes/schema.ts'
import { workloads } from '#tests/support/kubernetes/workload.ts'

const FOLDER = join(import.meta.dirname, '..', 'deploy', 'kubernetes')
const base = resolveKustomization(join(FOLDER, 'base'))
const example = resolveKustomization(join(FOLDER, 'example'))
const readme = readFileSync(join(FOLDER, 'README.md'), 'utf8')

describe.each([
  ['base', base],
  ['example', example],
])('the manifests of %s', (name, manifests) => {
  it("are what Kubernetes' schemas allow, and have no field besides", async () => {
    expect(await schemaFaults(manifests)).toEqual([])
  })

  it.skipIf(spawnSync('kustomize', ['version']).error)(
    'are what kustomize makes of them, where there is one',
    () => {
      const built = parseManifests(
        execFileSync('kustomize', ['build', join(FOLDER, name)], { encoding: 'utf8' }),
      )
      const podsOf = (all: readonly Manifest[]): unknown =>
        workloads(all)
          .map(({ kind, name: called, container }) => ({ kind, called, container }))
          .toSorted((one, other) => one.called.localeCompare(other.called))
      const names = (all: readonly Manifest[]): string[] =>
        all.map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted()
      expect(names(manifests)).toEqual(names(built))
      expect(podsOf(manifests)).toEqual(podsOf(built))
    },
  )

  it('lead each Service and each disruption budget to the pods of one workload', () => {
    const podNames = workloads(manifests).flatMap(({ kind, name: called, replicas, pod }) =>
      Array.from({ length: replicas }, (_, index) => ({
        called,
        labels: {
          ...pod.metadata.labels,
          ...(kind === 'StatefulSet' && {
            'statefulset.kubernetes.io/pod-name': `${called}-${index}`,
          }),
        } as Record<string, string>,
      })),
    )
    const selected = (labels: Record<string, string>): Set<string> =>
      new Set(
        podNames
          .filter((pod) =>
            Object.entries(labels).every(([key, value]) => pod.labels[key] === value),
          )
          .map(({ called }) => called),
      )
    for (const { kind, metadata, spec } of manifests) {
      if (kind !== 'Service' && kind !== 'PodDisruptionBudget') continue
      const { selector } = spec as { selector: Record<string, string> }
      if (kind === 'Service')
        expect([metadata.name, selected(selector).size]).toEqual([metadata.name, 1])
      if (kind === 'PodDisruptionBudget') {
        const { matchLabels } = selector as unknown as { matchLabels: Record<string, string> }
        expect(selected(matchLabels)).toEqual(new Set([metadata.name]))
      }
    }
  })

  it('hold no secret themselves, and name only those that the README says how to make', () => {
    expect(manifests.map(({ kind }) => kind)).not.toContain('Secret')
    const named = workloads(manifests).flatMap(({ pod, container }) => [
      ...(pod.spec.volumes ?? []).flatMap(({ secret }) => (secret ? [secret.secretName] : [])),
      ...container.env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef?.name ?? []),
    ])
    expect(named.length).toBeGreaterThan(0)
    for (const secret of named) {
      expect(readme).toMatch(new RegExp(`create secret generic ${secret}\\b`))
    }
  })

  it('have one image, with a version', () => {
    const images = new Set(workloads(manifests).map(({ container }) => container.image))
    expect([...images]).toEqual([expect.stringMatching(/(^|\/)xmidt-on-nats:\d+\.\d+\.\d+$/)])
  })
})

describe('a wrong manifest', () => {
  const broken = (change: (container: Record<string, unknown>) => void): Manifest[] => {
    const copy = structuredClone(base).filter(({ metadata }) => metadata.name === 'scytale')
    const [scytale] = workloads(copy)
    change(scytale?.container as unknown as Record<string, unknown>)
    return copy
  }

  it.each<[string, (container: Record<string, unknown>) => void, RegExp]>([
    ['field', (it) => (it.livenesProbe = {}), /Deployment scytale: .*livenesProbe/],
    ['kind of value', (it) => (it.ports = [{ containerPort: '6300' }]), /must be integer/],
    ['word', (it) => (it.imagePullPolicy = 'Sometimes'), /allowed values|"Sometimes"/],
    ['omission', (it) => delete it.name, /name/],
  ])('is refused for a wrong %s', async (_, change, fault) => {
    const faults = await schemaFaults(broken(change))
    expect(faults.join('\n')).toMatch(fault)
  })

  it('is refused for a kind that there is none of', async () => {
    const nobody = { apiVersion: 'apps/v1', kind: 'Nobody', metadata: { name: 'x' } }
    expect(await schemaFaults([nobody])).toContain('Nobody x: there is no Nobody in apps/v1')
  })
})

describe('every pod', () => {
  it.each(workloads(base).map((workload) => [workload.name, workload] as const))(
    'of %s may do as little as possible',
    (_, { pod, container }) => {
      expect(pod.spec).toMatchObject({
        automountServiceAccountToken: false,
        // The variables of Services' links would be taken for the apps' own, such as TALARIA_PORT.
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      })
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
      const secrets = (pod.spec.volumes ?? [])
        .filter(({ secret }) => secret)
        .map(({ name }) => name)
      for (const { name, readOnly } of container.volumeMounts ?? []) {
        expect([name, readOnly ?? false]).toEqual([name, secrets.includes(name)])
      }
      for (const { emptyDir } of pod.spec.volumes ?? []) {
        if (emptyDir) expect(emptyDir.sizeLimit).toBeDefined()
      }
      expect(container.resources.limits.memory).toBeDefined()
      expect(container.resources.requests.cpu).toBeDefined()
    },
  )

  it('reaches NATS only if it has a user there', () => {
    const using = workloads(base).filter(({ pod }) => pod.metadata.labels['xmidt.io/uses-nats'])
    expect(using.map(({ name }) => name).toSorted()).toEqual([
      'apply-streams',
      'caduceus',
      'petasos',
      'scytale',
      'talaria',
    ])
    for (const { name, pod, container } of using) {
      const secrets = (pod.spec.volumes ?? []).map(({ secret }) => secret?.secretName)
      const variables = container.env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name)
      const user = name === 'apply-streams' ? 'provisioner' : name
      expect(
        [...secrets, ...variables].filter((secret) => /^nats-(?!ca$)/.test(secret ?? '')),
      ).toEqual([`nats-${user}`])
    }
  })

  it('is refused everything that no network policy allows', () => {
    const policies = base.filter(({ kind }) => kind === 'NetworkPolicy')
    expect(policies[0]?.spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
    // Allowing is by name: a selector of everything may only be for the resolver.
    const wide = policies.slice(1).filter(({ spec }) => {
      const { podSelector } = spec as { podSelector: object }
      return Object.keys(podSelector).length === 0
    })
    expect(wide.map(({ metadata }) => metadata.name)).toEqual(['names-are-resolved'])
  })
})
