import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { metricOf, startCaduceusBench, type CaduceusBench } from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'

let bench: CaduceusBench
beforeAll(async () => {
  bench = await startCaduceusBench()
})
afterAll(() => bench?.[Symbol.asyncDispose]())

async function readinessOf(app: App): Promise<{ status: number; checks: Record<string, string> }> {
  const response = await fetch(`${app.operationsUrl}/readyz`)
  const { checks } = (await response.json()) as { checks: Record<string, string> }
  return { status: response.status, checks }
}

describe('a Caduceus', () => {
  it('without keys is not ready where a token is the only way in', async () => {
    const CADUCEUS_JWKS_URL = 'http://127.0.0.1:1/'
    const none = { CADUCEUS_JWKS_URL, CADUCEUS_BASIC_CREDENTIALS: '' }
    await using closed = await bench.startCaduceus(none)
    expect((await readinessOf(closed)).status).toBe(503)
    await using caduceus = await bench.startCaduceus({ CADUCEUS_JWKS_URL })
    expect((await readinessOf(caduceus)).status).toBe(200)
    expect(await metricOf(caduceus, 'xmidt_caduceus_keys_available')).toBe(0)
  })

  it('that misses a stream is not ready, says which, and goes on when it is back', async () => {
    await using caduceus = await bench.startCaduceus()
    await bench.nats.lose('DEAD_LETTERS')
    const missing = 'xmidt_caduceus_stream_missing{stream="DEAD_LETTERS"}'
    await eventually(
      async () => {
        const { status, checks } = await readinessOf(caduceus)
        expect(status).toBe(503)
        expect(checks.stream).toContain('DEAD_LETTERS')
        expect(await metricOf(caduceus, missing)).toBe(1)
      },
      { withinMs: 15_000 },
    )
    await bench.nats.apply()
    await eventually(async () => expect((await readinessOf(caduceus)).status).toBe(200), {
      withinMs: 15_000,
    })
  })
})
