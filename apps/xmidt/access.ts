/** Where a running fabric is and how to get in: from the environment, else from what `up` left. */
import { loadConfig } from '#libs/config/load.ts'
import { accessEnv } from './environment.ts'
import { readRunning } from './workspace.ts'

/** The caller that `up` makes. */
export const OPERATOR = 'operator'

/** What the commands need to talk to a fabric. */
export interface Access {
  themisUrl: string
  scytaleUrl: string
  natsUrl: string
  /** `user:password` of a caller. */
  caller: string
  /** `user:password` with which devices get their tokens. */
  device: string
}

/**
 * Reads the access of a fabric. With XMIDT_THEMIS_URL, XMIDT_SCYTALE_URL, XMIDT_NATS_URL and
 * XMIDT_CALLER all set, no fabric need run on this machine.
 * @throws {UserError} when neither says it, {ConfigError} for a variable that cannot be used.
 */
export function readAccess(directory: string): Access {
  const environment = loadConfig(accessEnv, process.env)
  const local = NAMES.every((name) => environment[name] !== '') ? undefined : readRunning(directory)
  return {
    themisUrl: environment.XMIDT_THEMIS_URL || (local?.running.themisUrl ?? ''),
    scytaleUrl: environment.XMIDT_SCYTALE_URL || (local?.running.scytaleUrl ?? ''),
    natsUrl: environment.XMIDT_NATS_URL || (local?.running.natsUrl ?? ''),
    caller: environment.XMIDT_CALLER || `${OPERATOR}:${local?.credentials.operator ?? ''}`,
    device: environment.XMIDT_DEVICE || `device:${local?.credentials.device ?? ''}`,
  }
}

const NAMES = ['XMIDT_THEMIS_URL', 'XMIDT_SCYTALE_URL', 'XMIDT_NATS_URL', 'XMIDT_CALLER'] as const

/** The URLs of a fabric that the environment names, by variable. */
export function publicUrls(): Readonly<Record<string, string>> {
  const environment = loadConfig(accessEnv, process.env)
  const names = ['THEMIS', 'PETASOS', 'SCYTALE', 'CADUCEUS'] as const
  return Object.fromEntries(
    names
      .map((name) => [`XMIDT_${name}_URL`, environment[`XMIDT_${name}_URL`]] as const)
      .filter(([, url]) => url !== ''),
  )
}

/** The value of an Authorization header for `user:password`. */
export const basicAuthorization = (credential: string): string =>
  `Basic ${Buffer.from(credential).toString('base64')}`
