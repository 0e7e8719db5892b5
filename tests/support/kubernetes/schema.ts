/**
 * Checks objects against Kubernetes' own schemas, as the package kubernetes-models has them: its
 * validators say what is missing or of the wrong form, and the compiler, by its types, which field
 * there is none of. No cluster is asked.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Deployment } from 'kubernetes-models/apps/v1/Deployment'
import type { Manifest } from './kustomization.ts'

/** All objects of a folder take a second; a minute is a compiler that hangs. */
const COMPILE_MS = 60_000

/** Every fault of `manifests`, each beginning with the object that has it. */
export async function schemaFaults(manifests: readonly Manifest[]): Promise<string[]> {
  const invalid = await Promise.all(manifests.map(validate))
  return [...invalid.flat(), ...(await unknownFields(manifests))]
}

async function validate(manifest: Manifest): Promise<string[]> {
  const { apiVersion, kind, metadata } = manifest
  // Each model is made as a Deployment's is.
  type Models = Record<string, typeof Deployment | undefined>
  const path = `kubernetes-models/${apiVersion}/${kind}`
  const models = (await import(/* @vite-ignore */ path).catch(() => ({}))) as Models
  const model = models[kind]
  if (!model) return [`${kind} ${metadata.name}: there is no ${kind} in ${apiVersion}`]
  try {
    new model(manifest).validate()
    return []
  } catch (error) {
    return [`${kind} ${metadata.name}: ${(error as Error).message}`]
  }
}

/** A literal may have no field that its type has not: so the compiler refuses what is misspelled. */
async function unknownFields(manifests: readonly Manifest[]): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'kubernetes-'))
  try {
    symlinkSync(resolve('node_modules'), join(directory, 'node_modules'))
    writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
    const lines = manifests.map(({ apiVersion, kind }, index) => {
      const type = `import('kubernetes-models/${apiVersion}/${kind}').I${kind}`
      return `export const m${index}: ${type} = ${JSON.stringify(manifests[index])}`
    })
    writeFileSync(join(directory, 'manifests.ts'), lines.join('\n'))
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext']
    const compiler = resolve('node_modules/.bin/tsc')
    const found = await promisify(execFile)(compiler, [...options, 'manifests.ts'], {
      cwd: directory,
      timeout: COMPILE_MS,
    }).catch((error: { code?: unknown; stdout?: string }) => {
      if (typeof error.code !== 'number') throw error
      return { stdout: error.stdout ?? '' }
    })
    return found.stdout.split('\n').flatMap((line) => {
      const [, number, text] = line.match(/^manifests\.ts\((\d+),\d+\): (.*)$/) ?? []
      const manifest = manifests[Number(number) - 1]
      return manifest ? [`${manifest.kind} ${manifest.metadata.name}: ${text}`] : []
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
}
