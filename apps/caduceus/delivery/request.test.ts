import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toDeliveryForm, toDeliveryRequest } from './request.ts'
import { HOOK, ONLINE_EVENT } from '#tests/support/hook.ts'

describe('the headers of a delivery', () => {
  it('hold nothing that a device could break out with, and have a bound', () => {
    const values = fc.string({ unit: 'binary', maxLength: 3_000 })
    fc.assert(
      fc.property(values, fc.dictionary(values, values, { maxKeys: 20 }), (text, metadata) => {
        const secret = { ...HOOK, config: { ...HOOK.config, secret: 'x' } }
        const form = toDeliveryForm(
          { msg_type: 4, source: text, dest: text, path: text, content_type: text, metadata },
          { eventId: 'a.b', isWhole: false },
        )
        const { headers } = toDeliveryRequest(secret, form, 0)
        for (const header of headers) expect(header).toMatch(/^[\x20-\x7e\x80-\xff]*$/)
        expect(headers.join('').length).toBeLessThan(16 * 1024)
        const metadataLines = headers.filter((name) => name === 'X-Xmidt-Metadata')
        expect(metadataLines.length + form.leftOutCount).toBe(Object.keys(metadata).length)
      }),
      { numRuns: 200 },
    )
  })

  it('sign the bytes that are sent', () => {
    const secret = { ...HOOK, config: { ...HOOK.config, secret: 'x', content_type: 'wrp' } }
    const form = toDeliveryForm(ONLINE_EVENT, { eventId: 'e', isWhole: true })
    const { headers, body } = toDeliveryRequest(secret, form, 0)
    const sha1 = createHmac('sha1', 'x').update(body).digest('hex')
    expect(headers[headers.indexOf('X-Webpa-Signature') + 1]).toBe(`sha1=${sha1}`)
  })
})
