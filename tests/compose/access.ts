/** Where the stack of the test is and how to get in, as `secrets --show` prints it. */
import type { Engine } from './engine.ts'

/** A one-shot container starts and prints within this. */
const SHOW_MS = 60_000

/** What the test talks to, from the host. */
export interface Access {
  themisUrl: string
  petasosUrl: string
  scytaleUrl: string
  caduceusUrl: string
  /** `user:password` of a caller. */
  caller: string
  /** `user:password` with which devices get their tokens. */
  device: string
}

/** Reads the assignments that are meant for a shell. @throws when one is missing. */
export async function readAccess(engine: Engine): Promise<Access> {
  const text = await engine.compose(['run', '--rm', '-T', 'secrets', '--show'], SHOW_MS)
  const value = (name: string): string => {
    const found = text.match(new RegExp(`^export ${name}='([^']+)'\\s*$`, 'm'))?.[1]
    if (found === undefined) throw new Error(`secrets --show says nothing of ${name}`)
    return found
  }
  return {
    themisUrl: value('XMIDT_THEMIS_URL'),
    petasosUrl: value('XMIDT_PETASOS_URL'),
    scytaleUrl: value('XMIDT_SCYTALE_URL'),
    caduceusUrl: value('XMIDT_CADUCEUS_URL'),
    caller: value('XMIDT_CALLER'),
    device: value('XMIDT_DEVICE'),
  }
}
