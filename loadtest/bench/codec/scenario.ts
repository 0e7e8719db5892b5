/** libs/wrp beside plain msgpackr on the same message: decode, encode, stamp. */
import { Packr, Unpackr } from 'msgpackr'
import { decode, encode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { stamp } from '#libs/wrp/stamp.ts'
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

/** Runs the scenario and prints its table. */
export function run(): void {
  const packr = new Packr({ useRecords: false, variableMapSize: true })
  const unpackr = new Unpackr({ useRecords: false })
  process.stdout.write('messages per second; the ratio is to msgpackr of the same run\n\n')
  for (const [label, payloadBytes] of SIZES) {
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
    const ratio = (name: keyof typeof rates, to: keyof typeof rates): string =>
      `${(rates[name] / rates[to]).toFixed(2)} × ${to}`
    process.stdout.write(`${label} (${bytes.length} bytes)\n`)
    row('msgpackr unpack', rates['msgpackr unpack'])
    row('decode', rates.decode, ratio('decode', 'msgpackr unpack'))
    row('msgpackr pack', rates['msgpackr pack'])
    row('encode', rates.encode, ratio('encode', 'msgpackr pack'))
    row('decode, change, encode', rates['decode, change, encode'])
    row('stamp', rates.stamp, ratio('stamp', 'decode, change, encode'))
    process.stdout.write('\n')
  }
}

function row(name: string, rate: number, ratio = ''): void {
  process.stdout.write(
    `  ${name.padEnd(24)}${Math.round(rate).toLocaleString('en').padStart(12)}  ${ratio}\n`,
  )
}
