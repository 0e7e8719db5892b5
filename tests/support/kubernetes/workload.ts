/** The pods that the manifests make: their containers, and the environment that each would see. */
import type { Manifest } from './kustomization.ts'

/** A variable of a container. */
export interface Variable {
  name: string
  value?: string
  valueFrom?: {
    secretKeyRef?: { name: string; key: string }
    fieldRef?: { fieldPath: string }
  }
}

interface Probe {
  httpGet: { path: string; port: string }
}

/** A container, as far as the tests look at it. */
export interface Container {
  name: string
  image: string
  command: string[]
  ports?: { name: string; containerPort: number }[]
  env: Variable[]
  resources: { requests: Record<string, string>; limits: Record<string, string> }
  securityContext: Record<string, unknown>
  lifecycle?: { preStop: { sleep: { seconds: number } } }
  startupProbe?: Probe
  livenessProbe?: Probe
  readinessProbe?: Probe
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[]
}

/** The pod of a workload. */
export interface Pod {
  metadata: { labels: Record<string, string> }
  spec: {
    automountServiceAccountToken?: boolean
    enableServiceLinks?: boolean
    terminationGracePeriodSeconds?: number
    securityContext: Record<string, unknown>
    containers: Container[]
    volumes?: { name: string; secret?: { secretName: string }; emptyDir?: { sizeLimit?: string } }[]
  }
}

/** A StatefulSet, Deployment or Job and the pod that it makes. */
export interface Workload {
  kind: string
  name: string
  replicas: number
  pod: Pod
  container: Container
}

/** All of `manifests` that make pods. */
export function workloads(manifests: readonly Manifest[]): Workload[] {
  return manifests
    .filter(({ kind }) => ['StatefulSet', 'Deployment', 'Job'].includes(kind))
    .map(({ kind, metadata, spec }) => {
      const { template, replicas = 1 } = spec as { template: Pod; replicas?: number }
      const [container, ...others] = template.spec.containers
      if (!container || others.length > 0) throw new Error(`${metadata.name} has not one container`)
      return { kind, name: metadata.name, replicas, pod: template, container }
    })
}

/**
 * The environment as Kubernetes makes it for pod `podName`: $(NAME) is filled in from the variables
 * that stand before, and stays as it is otherwise. A value from a Secret is `secretOf` its key.
 */
export function environmentOf(
  { env }: Container,
  podName: string,
  secretOf: (secret: string, key: string) => string,
): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const { name, value = '', valueFrom } of env) {
    if (valueFrom?.fieldRef?.fieldPath === 'metadata.name') environment[name] = podName
    else if (valueFrom?.secretKeyRef) {
      const { name: secret, key } = valueFrom.secretKeyRef
      environment[name] = secretOf(secret, key)
    } else if (valueFrom) throw new Error(`${name} comes from what is not known here`)
    else {
      environment[name] = value.replaceAll(
        /\$\(([A-Z0-9_]+)\)/g,
        (whole, variable: string) => environment[variable] ?? whole,
      )
    }
  }
  return environment
}
