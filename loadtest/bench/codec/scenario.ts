/** libs/wrp beside plain msgpackr on the same message: decode, encode, stamp. */
import { Packr, Unpackr } from 'msgpackr'
import { decode, encode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { stamp } from '#libs/wrp/stamp.ts'
import type { Figure, Outcome, Scenario } from '#loadtest/bench/scenario.ts'
import { measure } from './measure.ts'

/** Payloads that make the whole message 300 bytes and 4 kB. */
const SIZES = [
  ['300 B', 20],
  ['4 kB', 3_800],
] as const

const STAMP = {
  partnerIds: ['comcast'],
  sessionId: '0ujsswThIGTUYm2K8FjOOfXtY1K',
  metadata: { '/xmidt-timestamp': '2026-11-24T11:38:06.123Z' },
}

/** An event as devices send it. */
function event(payloadBytes: number): WrpMessage {
  return {
    msg_type: 4,
    source: 'mac:112233445566/config',
    dest: 'event:device-status/mac:112233445566/parameter',
    transaction_uuid: '546514d4-9cb6-41c9-88ca-ccd4c130c525',
    content_type: 'application/json',
    metadata: { '/boot-time': '1542834188', '/last-reconnect-reason': 'SSL_Socket_Close' },
    payload: new Uint8Array(payloadBytes).fill(0x61),
    qos: 50,
  }
}

/** Beside msgpackr, which is what the form of the wire costs when nothing is checked. */
export const scenario: Scenario = {
  about: 'libs/wrp beside plain msgpackr on the same message',
  run: (say) => Promise.resolve(run(say)),
}

function run(say: (progress: string) => void): Outcome {
  const packr = new Packr({ useRecords: false, variableMapSize: true })
  const unpackr = new Unpackr({ useRecords: false })
  const figures: Figure[] = []
  for (const [label, payloadBytes] of SIZES) {
    say(label)
    const message = event(payloadBytes)
    const bytes = encode(message)
    const rates = measure({
      'msgpackr unpack': () => unpackr.unpack(bytes) as unknown,
      decode: () => decode(bytes),
      'msgpackr pack': () => packr.pack(message),
      encode: () => encode(message),
      'decode, change, encode': () => {
        const found = decode(bytes)
        found.partner_ids = STAMP.partnerIds
        found.session_id = STAMP.sessionId
        found.metadata = { ...found.metadata, ...STAMP.metadata }
        return encode(found)
      },
      stamp: () => stamp(bytes, STAMP),
    })
    for (const [name, values] of Object.entries(rates)) {
      figures.push({ what: `${label}: ${name}`, unit: '/s', values })
    }
    const ratio = (name: keyof typeof rates, to: keyof typeof rates): Figure => ({
      what: `${label}: ${name}, by ${to}`,
      unit: '×',
      values: rates[name].map((rate, round) => rate / (rates[to][round] ?? Number.NaN)),
    })
    figures.push(ratio('decode', 'msgpackr unpack'), ratio('encode', 'msgpackr pack'))
  }
  return { figures, goals: [] }
}
