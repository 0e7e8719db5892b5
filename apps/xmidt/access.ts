/** Where a running fabric is and how to get in: from the environment, else from what `up` left. */
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
 * @throws {UserError} when neither says it.
 */
export function readAccess(directory: string): Access {
  const environment = process.env
  const local = hasAll(environment) ? undefined : readRunning(directory)
  const caller = environment.XMIDT_CALLER || `${OPERATOR}:${local?.credentials.operator ?? ''}`
  return {
    themisUrl: environment.XMIDT_THEMIS_URL || (local?.running.themisUrl ?? ''),
    scytaleUrl: environment.XMIDT_SCYTALE_URL || (local?.running.scytaleUrl ?? ''),
    natsUrl: environment.XMIDT_NATS_URL || (local?.running.natsUrl ?? ''),
    caller,
    device: environment.XMIDT_DEVICE || `device:${local?.credentials.device ?? ''}`,
  }
}

const NAMES = ['XMIDT_THEMIS_URL', 'XMIDT_SCYTALE_URL', 'XMIDT_NATS_URL', 'XMIDT_CALLER'] as const

const hasAll = (environment: NodeJS.ProcessEnv): boolean =>
  NAMES.every((name) => Boolean(environment[name]))

/** The value of an Authorization header for `user:password`. */
export const basicAuthorization = (credential: string): string =>
  `Basic ${Buffer.from(credential).toString('base64')}`
