/** Environment to a typed, frozen configuration, or one error that names every fault. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { FieldMeta } from './fields.ts'

/** The configuration cannot be used. `message` has one line for each fault, fit to be printed. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID'
  override readonly name = 'ConfigError'
}

/**
 * Reads `environment` by `schema`, whose keys are the variables' names. An empty variable counts
 * as absent, as compose files and shells cannot leave one out.
 * @throws {ConfigError} with every fault at once, so that a person corrects them in one go.
 */
export function loadConfig<S extends z.ZodObject>(
  schema: S,
  environment: NodeJS.ProcessEnv,
): Readonly<z.infer<S>> {
  const faults: string[] = []
  const values: Record<string, string> = {}
  for (const [name, field] of Object.entries(schema.shape)) {
    const value = readVariable(name, field as z.ZodType, environment, faults)
    if (value !== undefined && value !== '') values[name] = value
  }
  const parsed = schema.safeParse(values)
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      faults.push(`${issue.path.join('.') || 'configuration'} ${issue.message}`)
    }
  }
  if (faults.length > 0 || !parsed.success) {
    throw new ConfigError(`the configuration cannot be used:\n  ${faults.join('\n  ')}`)
  }
  return Object.freeze(parsed.data)
}

/** What {@link FieldMeta} a field was given, for the loader and the reference page. */
export function fieldMeta(field: z.ZodType): FieldMeta | undefined {
  return field.meta() as FieldMeta | undefined
}

function readVariable(
  name: string,
  field: z.ZodType,
  environment: NodeJS.ProcessEnv,
  faults: string[],
): string | undefined {
  const file = environment[`${name}_FILE`]
  if (!file || !isSecret(field)) return environment[name]
  if (environment[name]) {
    faults.push(`${name} and ${name}_FILE are both set: keep one`)
    return undefined
  }
  try {
    // Editors end a file with a newline that is not part of the secret.
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    faults.push(`${name}_FILE cannot be read: ${(error as Error).message}`)
    return undefined
  }
}

function isSecret(field: z.ZodType): boolean {
  const inner = field instanceof z.ZodOptional ? (field.unwrap() as z.ZodType) : field
  return fieldMeta(field)?.isSecret === true || fieldMeta(inner)?.isSecret === true
}
