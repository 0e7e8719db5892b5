/** The fields of what somebody posted: keys in any case, and an error that names the one that is wrong. */
import { RegistrationError } from './registration-error.ts'

/** @throws {RegistrationError} */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new RegistrationError('REGISTRATION_MALFORMED', (error as Error).message)
  }
}

/** Go's readers take a key in any case; the exact one goes first. */
export function ownField(
  body: Record<string, unknown>,
  name: string,
): { isThere: boolean; value?: unknown } {
  const key = Object.hasOwn(body, name)
    ? name
    : Object.keys(body).find((each) => each.toLowerCase() === name)
  return key === undefined ? { isThere: false } : { isThere: true, value: body[key] }
}

/** The value of a key in any case; undefined where there is none, or null. */
export const fieldOf = (body: Record<string, unknown>, name: string): unknown =>
  ownField(body, name).value ?? undefined

/** @throws {RegistrationError} */
export function asObject(value: unknown, field: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw wrongType(field, 'object')
}

/** The text of a key, empty where there is none. @throws {RegistrationError} */
export function textOf(body: Record<string, unknown>, name: string, field: string): string {
  const value = fieldOf(body, name) ?? ''
  if (typeof value !== 'string') throw wrongType(field, 'string')
  return value
}

/** The texts of a key, none where there is none. @throws {RegistrationError} */
export function textsOf(body: Record<string, unknown>, name: string, field: string): string[] {
  const value = fieldOf(body, name) ?? []
  if (!Array.isArray(value) || value.some((each) => typeof each !== 'string')) {
    throw wrongType(field, '[]string')
  }
  return value as string[]
}

const wrongType = (field: string, type: string): RegistrationError =>
  new RegistrationError('REGISTRATION_MALFORMED', `${field} must be of type ${type}`)
