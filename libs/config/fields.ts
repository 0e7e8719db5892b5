/**
 * The kinds of value that an environment variable can hold, each with its default, its bounds
 * and one sentence about it. From these come the parsing, the error a wrong value gets, and the
 * reference page: so they are written once.
 */
import { z } from 'zod'

/** What the reference page and the loader need to know of a field beyond its schema. */
export interface FieldMeta {
  /** One sentence for the reference page. */
  description: string
  /** What the value is, for the reference page: `port`, `milliseconds`, `list` and so on. */
  kind: string
  /** A secret may also come from the file that `<NAME>_FILE` names, and is never printed. */
  isSecret?: boolean
}

const described = <S extends z.ZodType>(schema: S, meta: FieldMeta): S => schema.meta({ ...meta })

/** An integer within bounds. */
export function integer(
  about: string,
  fallback: number,
  { min = 0, max = Number.MAX_SAFE_INTEGER, kind = 'integer' } = {},
) {
  const schema = z
    .string()
    .trim()
    .regex(/^-?\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .default(fallback)
  return described(schema, { description: about, kind })
}

/** A TCP port; 0 takes any free one. */
export const port = (about: string, fallback: number) =>
  integer(about, fallback, { min: 0, max: 65_535, kind: 'port' })

/** A TCP port that may be absent: then there is no such server. */
export const optionalPort = (about: string) =>
  described(
    z
      .string()
      .trim()
      .regex(/^\d{1,5}$/, 'must be a port from 0 to 65535')
      .transform(Number)
      .pipe(z.number().max(65_535))
      .optional(),
    { description: about, kind: 'port' },
  )

/** A length of time in milliseconds. */
export const durationMs = (
  about: string,
  fallback: number,
  { minMs = 0, maxMs = 366 * 24 * 3_600_000 } = {},
) => integer(about, fallback, { min: minMs, max: maxMs, kind: 'milliseconds' })

/** A size in bytes. */
export const bytes = (about: string, fallback: number, { min = 1, max = 2 ** 40 } = {}) =>
  integer(about, fallback, { min, max, kind: 'bytes' })

/** A text; without a default the variable is required. */
export function text(about: string, fallback?: string): z.ZodType<string> {
  const schema = z
    .string({ error: 'is required' })
    .min(fallback === '' ? 0 : 1, 'must not be empty')
  return described(fallback === undefined ? schema : schema.default(fallback), {
    description: about,
    kind: 'text',
  })
}

/** A host name or address to listen on; loopback unless somebody decides otherwise. */
export const host = (about: string, fallback = '127.0.0.1') => text(about, fallback)

/**
 * Where an app's operations port listens. Not where its primary does: what health, metrics and levers
 * tell is nobody's who may only use the app.
 */
export const operationsHost = () =>
  host('The address of health and metrics, whatever the primary one is.')

const urlSchema = z
  .string({ error: 'is required' })
  .trim()
  .refine((value) => URL.canParse(value), 'must be a URL, such as http://127.0.0.1:6400')

/** A URL; without a default the variable is required. */
export function url(about: string, fallback?: string): z.ZodType<string> {
  return described(fallback === undefined ? urlSchema : urlSchema.default(fallback), {
    description: about,
    kind: 'URL',
  })
}

const listSchema = z.string().transform((value) =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
)

/** A comma-separated list; empty unless a default says otherwise. */
export const list = (about: string, fallback: string[] = []) =>
  described(listSchema.default(fallback), { description: about, kind: 'list' })

/** `true` or `false`, and nothing else. */
export const flag = (about: string, fallback: boolean) =>
  described(
    z
      .enum(['true', 'false'], { error: 'must be true or false' })
      .transform((value) => value === 'true')
      .default(fallback),
    { description: about, kind: 'true or false' },
  )

/** One of a closed set of words. */
export const choice = <const V extends readonly [string, ...string[]]>(
  about: string,
  values: V,
  fallback: V[number],
) =>
  described(z.enum(values).default(fallback as never), {
    description: about,
    kind: values.join(' or '),
  })

/** A secret text, from the variable itself or from the file that `<NAME>_FILE` names. */
export function secret(about: string, fallback?: string): z.ZodType<string> {
  const schema = z
    .string({ error: 'is required' })
    .min(fallback === '' ? 0 : 1, 'must not be empty')
  return described(fallback === undefined ? schema : schema.default(fallback), {
    description: about,
    kind: 'secret',
    isSecret: true,
  })
}

/**
 * A comma-separated list of `user:password`, from the variable itself or from its `_FILE`. An empty
 * password would be a door that everybody finds open.
 */
export const credentialList = (about: string) =>
  described(
    listSchema
      .transform((credentials, context) => {
        for (const [index, credential] of credentials.entries()) {
          if (/^[^:]+:./s.test(credential)) continue
          // Which one, and not what it holds.
          const message = `must hold user:password pairs, neither of them empty: the ${index + 1}. is none`
          context.addIssue({ code: 'custom', message })
        }
        return credentials
      })
      .default([]),
    { description: about, kind: 'secret list', isSecret: true },
  )
