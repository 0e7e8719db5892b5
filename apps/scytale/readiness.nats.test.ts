import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { startScytaleBench, type ScytaleBench } from '#tests/support/scytale.ts'

let bench: ScytaleBench
beforeAll(async () => {
  bench = await startScytaleBench()
})
afterAll(() => bench?.[Symbol.asyncDispose]())

const readyOf = async ({ operationsUrl }: App): Promise<number> =>
  (await fetch(`${operationsUrl}/readyz`)).status

const keysOf = async ({ operationsUrl }: App): Promise<string | undefined> =>
  (await (await fetch(`${operationsUrl}/metrics`)).text()).match(
    /^xmidt_scytale_keys_available (\d)$/m,
  )?.[1]

describe('a Scytale without keys', () => {
  const SCYTALE_JWKS_URL = 'http://127.0.0.1:1/'

  it('is not ready where a token is the only way in', async () => {
    await using scytale = await bench.startScytale({
      SCYTALE_JWKS_URL,
      SCYTALE_BASIC_CREDENTIALS: '',
    })
    expect(await readyOf(scytale)).toBe(503)
    expect(await keysOf(scytale)).toBe('0')
  })

  it('is ready for callers with a password, and shows that tokens are refused', async () => {
    await using scytale = await bench.startScytale({ SCYTALE_JWKS_URL })
    expect(await readyOf(scytale)).toBe(200)
    expect(await keysOf(scytale)).toBe('0')
    expect(await keysOf(bench.scytale)).toBe('1')
  })
})
