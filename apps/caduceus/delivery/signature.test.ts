import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { signatureHeaders, signingKeysOf } from './signature.ts'

describe('a signature', () => {
  it('is what upstream’s and Standard Webhooks’ receivers compute', () => {
    const body = Buffer.from('{"id":"1"}')
    const legacy = signatureHeaders(signingKeysOf('secret'), { id: 'i', timestampSeconds: 1, body })
    const sha1 = 'sha1=064ed8a4ab12749de928392ea09e90eb2aa23388'
    expect(legacy.slice(0, 4)).toEqual(['X-Webpa-Signature', sha1, 'Xmidt-Signature', sha1])
    const keys = signingKeysOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
    const standard = signatureHeaders(keys, {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestampSeconds: 1_614_265_330,
      body: Buffer.from('{"test": 2432232314}'),
    })
    const signature = standard[standard.indexOf('webhook-signature') + 1]
    expect(signature).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })

  it('is made with a key of no bytes where that is what the secret says', () => {
    const body = Buffer.from('{}')
    const headers = signatureHeaders(signingKeysOf('whsec_'), {
      id: 'i',
      timestampSeconds: 1,
      body,
    })
    const standard = createHmac('sha256', '').update('i.1.{}').digest('base64')
    expect(headers.at(-1)).toBe(`v1,${standard}`)
  })
})
