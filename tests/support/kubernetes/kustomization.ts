/**
 * What `kustomize build` would make of a folder of ours, as far as we use it: resources, patches by
 * JSON patch, images. So that the manifests are checked where there is no kustomize; where there is
 * one, a test compares the two.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'

/** An object of Kubernetes, as it was written. */
export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; labels?: Record<string, string> }
  [field: string]: unknown
}

interface Kustomization {
  resources: string[]
  images?: { name: string; newName: string; newTag: string }[]
  patches?: { target: { kind: string; name: string }; patch: string }[]
  [field: string]: unknown
}

/** Fields that change names and labels only, alike everywhere. */
const FIELDS_KNOWN = ['apiVersion', 'kind', 'namespace', 'labels', 'resources', 'images', 'patches']

/** The objects of the kustomization in `folder`. @throws when it uses what is not known here. */
export function resolveKustomization(folder: string): Manifest[] {
  const kustomization = parse(
    readFileSync(join(folder, 'kustomization.yaml'), 'utf8'),
  ) as Kustomization
  const unknown = Object.keys(kustomization).filter((field) => !FIELDS_KNOWN.includes(field))
  if (unknown.length > 0) throw new Error(`${folder} uses ${unknown.join(', ')}, not known here`)
  const manifests = kustomization.resources.flatMap((resource) => {
    const path = join(folder, resource)
    return statSync(path).isDirectory() ? resolveKustomization(path) : readManifests(path)
  })
  for (const { target, patch } of kustomization.patches ?? []) {
    const found = manifests.filter(
      ({ kind, metadata }) => kind === target.kind && metadata.name === target.name,
    )
    if (found.length !== 1) throw new Error(`${target.kind} ${target.name} to patch is not there`)
    for (const step of parse(patch) as Step[]) apply(found[0], step)
  }
  for (const image of kustomization.images ?? []) rename(manifests, image)
  return manifests
}

/** The objects in one file, or in one text of many. */
export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors[0]) throw document.errors[0]
    return document.toJS() as Manifest
  })
}

const readManifests = (path: string): Manifest[] => parseManifests(readFileSync(path, 'utf8'))

/** A step of a JSON patch, RFC 6902: the three that we use. */
interface Step {
  op: string
  path: string
  value: unknown
}

function apply(target: unknown, { op, path, value }: Step): void {
  const keys = path.split('/').slice(1)
  const last = keys.pop() ?? ''
  let parent = target as Record<string, unknown>
  for (const key of keys) parent = parent[key] as Record<string, unknown>
  if (op === 'test' && parent[last] === value) return
  else if (op === 'replace' && last in parent) parent[last] = value
  else if (op === 'add' && last === '-' && Array.isArray(parent)) parent.push(value)
  else throw new Error(`the patch ${op} ${path} does not fit what is there`)
}

function rename(value: unknown, image: { name: string; newName: string; newTag: string }): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    // A name may have got its tag from the base already.
    if (key === 'image' && typeof inner === 'string' && inner.split(':')[0] === image.name) {
      ;(value as Record<string, unknown>)[key] = `${image.newName}:${image.newTag}`
    } else rename(inner, image)
  }
}
