/** Random valid messages, for the properties here and wherever else messages travel. */
import fc from 'fast-check'
import type { WrpMessage } from './message.ts'

const locator = fc.oneof(
  fc.constant('mac:112233445566/config'),
  fc.stringMatching(/^(uuid|serial|dns):[a-z0-9]{1,20}(\/[a-z]{1,9})?$/),
  fc.stringMatching(/^event:[a-z-]{1,30}\/mac:112233445566$/),
)

const text = fc.string({ unit: 'binary', maxLength: 40, minLength: 1 }).filter(isWellFormed)

/** What UTF-8 cannot carry no message can have. */
function isWellFormed(candidate: string): boolean {
  return candidate.isWellFormed()
}

const texts = fc.array(text, { maxLength: 20, minLength: 1 })

const integer = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((wide) => (Number.isSafeInteger(Number(wide)) ? Number(wide) : wide)),
)

/** Any message of a type that goes from party to party (3 to 8), every field in any combination. */
export const anyMessage: fc.Arbitrary<WrpMessage> = fc
  .record(
    {
      msg_type: fc.integer({ min: 3, max: 8 }),
      source: locator,
      dest: locator,
      transaction_uuid: text,
      content_type: fc.constantFrom('application/json', 'application/msgpack', 'text/plain'),
      accept: fc.constant('application/json'),
      status: integer,
      rdr: integer,
      headers: texts,
      metadata: fc.dictionary(text, text, { maxKeys: 20, minKeys: 1 }),
      spans: fc.array(fc.array(text, { minLength: 3, maxLength: 3 }), {
        minLength: 1,
        maxLength: 3,
      }),
      include_spans: fc.boolean(),
      path: text,
      payload: fc.uint8Array({ minLength: 1, maxLength: 300 }),
      partner_ids: texts,
      session_id: text,
      qos: fc.integer({ min: 0, max: 99 }),
    },
    { requiredKeys: ['msg_type', 'qos'] },
  )
  .map((fields) => fields as WrpMessage)
