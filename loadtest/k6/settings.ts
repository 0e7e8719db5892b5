/**
 * What a run is told by `-e NAME=value` (or by the environment), read once when a script starts. A
 * value that cannot be used ends the run before anything is sent.
 */

/** Where `npm start` keeps the passwords that it made, seen from this directory. */
const CREDENTIALS_FILE_DEFAULT = '../../.xmidt/credentials.json'

/** More devices than this have no id under the prefix: 24 bits are counted. */
const DEVICES_MAX = 0x1_00_00_00

/** A text; an empty one is as good as none. */
export function textOf(name: string, fallback: string): string {
  return __ENV[name] || fallback
}

/**
 * A number within bounds.
 * @throws when it is none or outside.
 */
export function numberOf(name: string, fallback: number, min = 0, max = 1e9): number {
  const text = textOf(name, String(fallback))
  const value = Number(text)
  if (!(value >= min && value <= max)) {
    throw new Error(`-e ${name}=${text}: say a number from ${min} to ${max}`)
  }
  return value
}

/** A whole number within bounds. @throws when it is none or outside. */
export function countOf(name: string, fallback: number, min = 0, max = 1e9): number {
  const value = numberOf(name, fallback, min, max)
  if (!Number.isInteger(value)) throw new Error(`-e ${name}=${value}: say a whole number`)
  return value
}

/** The host of all apps, unless one of them has an address of its own. */
const BASE = addressOf('BASE', 'http://127.0.0.1')

/** Where the apps are; the ports are the defaults of `npm start` and compose. */
export const THEMIS = addressOf('THEMIS', `${BASE}:6500`)
export const PETASOS = addressOf('PETASOS', `${BASE}:6400`)
export const SCYTALE = addressOf('SCYTALE', `${BASE}:6300`)
export const CADUCEUS = addressOf('CADUCEUS', `${BASE}:6000`)

/** `user:password` with which devices get their tokens, and with which callers call. */
export const deviceCredential = (): string => credentialOf('DEVICE_CREDENTIAL', 'device')
export const callerCredential = (): string => credentialOf('CALLER_CREDENTIAL', 'operator')

/** How many devices, and how many of them share one VU, whose memory is what a device costs here. */
export const DEVICES = countOf('DEVICES', 100, 1, DEVICES_MAX)
export const DEVICES_PER_VU = countOf('DEVICES_PER_VU', 50, 1, 10_000)

/** The number of the first device, so that two generators do not hold the same ones. */
export const FIRST_DEVICE = countOf('FIRST_DEVICE', 0, 0, DEVICES_MAX - DEVICES)

/** The partner that the devices belong to. */
export const PARTNER = textOf('PARTNER', 'example')

/** Over how long the devices connect, one after the other. */
export const RAMP_SECONDS = numberOf('RAMP_SECONDS', 10)

/** How long the load itself lasts, once the devices are there. */
export const DURATION_SECONDS = numberOf('DURATION_SECONDS', 60, 0.1)

/** How long anything that was asked for may take before it counts as failed. */
export const TIMEOUT_SECONDS = numberOf('TIMEOUT_SECONDS', 10, 0.1)

/** How many bytes an event or a command carries. */
export const PAYLOAD_BYTES = countOf('PAYLOAD_BYTES', 256, 0, 900_000)

/** So many VUs hold all devices. */
export const DEVICE_VUS = Math.ceil(DEVICES / DEVICES_PER_VU)

/** k6 takes durations as text. */
export const seconds = (value: number): string => `${Math.ceil(value * 1_000)}ms`

/** How long a scenario of devices may take at most: what was planned, and room to end in order. */
export const longestOf = (plannedSeconds: number): string =>
  seconds(plannedSeconds + 4 * TIMEOUT_SECONDS + 30)

function addressOf(name: string, fallback: string): string {
  const address = textOf(name, fallback).replace(/\/+$/, '')
  if (!/^https?:\/\/[^/]/.test(address)) {
    throw new Error(`-e ${name}=${address}: say an address such as ${fallback}`)
  }
  return address
}

function credentialOf(name: string, user: string): string {
  const given = textOf(name, '')
  if (given !== '') return given
  const file = textOf('CREDENTIALS_FILE', CREDENTIALS_FILE_DEFAULT)
  try {
    const password = (JSON.parse(open(file)) as Record<string, unknown>)[user]
    if (typeof password === 'string') return `${user}:${password}`
  } catch {
    // Not there or not readable: what to do is the same.
  }
  throw new Error(
    `no credential: say -e ${name}=user:password, or run beside "npm start", whose ${file} is read`,
  )
}
