/** What a device does to a Talaria: messages, frames by hand, upgrades, and answers to commands. */
import { encode } from '#libs/wrp/codec.ts'
import { MSG_TYPE } from '#libs/wrp/message.ts'
import { hostileMessage } from './messages.ts'
import { maybeHostile } from './texts.ts'
import { hostileUpgrade, type Applicant } from './upgrades.ts'
import { loadVectors, mutatedVector } from './vectors.ts'
import { hostileFrames } from './ws-frames.ts'
import type { FuzzCase, Random } from '#loadtest/fuzz/live/target.ts'

/** The most messages that one case sends. */
const BURST_MAX = 200

/** There are few answers to commands, so that more of them are large. */
const ANSWERS_LARGE_IN = 3

/** The device that is sent commands. */
export const COMMANDED = 'mac:fd0000000010'

/** One of the ways. */
export type TalariaCase = FuzzCase &
  (
    | { kind: 'messages'; messages: readonly { bytes: Uint8Array; isText: boolean }[] }
    | { kind: 'frames'; bytes: Buffer }
    | { kind: 'upgrade'; request: string }
    | { kind: 'command'; command: Uint8Array; answers: readonly Uint8Array[] }
  )

/** Makes cases; `applicant` is whose upgrades are honest. */
export function createTalariaCases(applicant: Applicant): (random: Random) => TalariaCase {
  const vectors = loadVectors()
  const bytesOf = (type: number, random: Random): Uint8Array =>
    random(2) === 0
      ? mutatedVector(vectors, random)
      : hostileMessage({ ...subjectOf(random), type }, random)
  return (random) => {
    const way = random(16)
    if (way === 0) return framesCase(bytesOf(4, random), random)
    if (way === 1) return upgradeCase(hostileUpgrade(applicant, random))
    if (way === 2) return commandCase(random, (type) => bytesOf(type, random))
    const messages = Array.from({ length: 1 + random(BURST_MAX) }, () => ({
      bytes: bytesOf(1 + random(11), random),
      isText: random(4_000) === 0,
    }))
    return {
      kind: 'messages',
      units: messages.length,
      messages,
      describe: () => messages.map(({ bytes }) => hexOf(bytes)).join(' '),
    }
  }
}

const subjectOf = (random: Random): { source: string; dest: string; transaction: string } => ({
  source: maybeHostile(`mac:fd00000000${10 + random(20)}/config`, random),
  dest:
    random(3) === 0
      ? `event:${maybeHostile('status', random, 2)}/x`
      : maybeHostile('event:a/b', random),
  transaction: maybeHostile(`t-${random(1_000)}`, random),
})

function framesCase(payload: Uint8Array, random: Random): TalariaCase {
  const bytes = hostileFrames(payload, random)
  return { kind: 'frames', units: 1, bytes, describe: () => hexOf(bytes) }
}

const upgradeCase = (request: string): TalariaCase => ({
  kind: 'upgrade',
  units: 1,
  request,
  describe: () => JSON.stringify(request),
})

/** An honest command two times in three, so that the answer matters; the answers are its own. */
function commandCase(random: Random, bytesOf: (type: number) => Uint8Array): TalariaCase {
  const transaction = `command-${random(2 ** 31)}`
  const honest = { source: 'dns:scytale.example.com', dest: `${COMMANDED}/config`, transaction }
  const command =
    random(3) === 0
      ? bytesOf(3 + random(6))
      : encode({
          msg_type: MSG_TYPE.request,
          source: honest.source,
          dest: honest.dest,
          transaction_uuid: transaction,
          payload: Buffer.from('{}'),
        })
  const answers = Array.from({ length: 1 + random(3) }, () =>
    random(3) === 0
      ? bytesOf(3)
      : hostileMessage(
          { type: 3, source: honest.dest, dest: honest.source, transaction },
          random,
          ANSWERS_LARGE_IN,
        ),
  )
  return {
    kind: 'command',
    units: 1 + answers.length,
    command,
    answers,
    describe: () => `${hexOf(command)} answered with ${answers.map(hexOf).join(' ')}`,
  }
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
