/** The local services: registered by name, told that Parodus is there, sent what is for them. parodus.md §4.3. */
import type { ParodusFaults, ParodusMetrics } from '#apps/parodus/metrics.ts'
import type { Logger } from '#libs/log/logger.ts'
import { parseAddress } from '#libs/sp/address.ts'
import { connectPush, type Push } from '#libs/sp/push.ts'
import { encode } from '#libs/wrp/codec.ts'
import { MSG_TYPE } from '#libs/wrp/message.ts'

/** Genuine Parodus takes names of so many characters. */
const NAME_LENGTH_MAX = 31

/** More than any device has. */
const SERVICES_MAX = 32

/** Services of one Parodus. Disposing it closes the links to them. */
export interface Services extends AsyncDisposable {
  /** Takes a registration; a known name gets the new address. False for one that cannot be. */
  register(name: string, url: string): boolean
  has(name: string): boolean
  /** Hands a message to a service; false when there is none or it does not take it. */
  deliver(name: string, bytes: Uint8Array): Promise<boolean>
}

/** What {@link createServices} needs. */
export interface ServicesOptions {
  keepAliveMs: number
  metrics: ParodusMetrics
  faults: ParodusFaults
  log: Logger
}

/** No services yet. */
export function createServices({ keepAliveMs, metrics, faults, log }: ServicesOptions): Services {
  const services = new Map<string, { url: string; push: Push }>()
  const alive = encode({ msg_type: MSG_TYPE.serviceAlive })
  const close = async (name: string): Promise<void> => {
    const service = services.get(name)
    services.delete(name)
    metrics.services.set(services.size)
    await service?.push[Symbol.asyncDispose]()
  }
  const tellAlive = async (): Promise<void> => {
    await Promise.all(
      [...services].map(async ([name, service]) => {
        if (await service.push.send(alive)) return
        // One that registered again meanwhile is another.
        if (services.get(name) !== service) return
        log.warn({ service: name }, 'service lost')
        await close(name)
      }),
    )
  }
  const timer = setInterval(() => {
    tellAlive().catch(faults.of('keep-alive'))
  }, keepAliveMs)
  return {
    register(name, url) {
      if (!isName(name) || !isAddress(url)) return false
      if (!services.has(name) && services.size >= SERVICES_MAX) return false
      const old = services.get(name)
      const push = connectPush(url)
      services.set(name, { url, push })
      metrics.services.set(services.size)
      void old?.push[Symbol.asyncDispose]()
      void push.send(encode({ msg_type: MSG_TYPE.authorization, status: 200 }))
      log.info({ service: name, url }, 'service registered')
      return true
    },
    has: (name) => services.has(name),
    deliver: async (name, bytes) => (await services.get(name)?.push.send(bytes)) ?? false,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await Promise.all([...services.keys()].map(close))
    },
  }
}

const isName = (name: string): boolean =>
  name !== '' && name.length <= NAME_LENGTH_MAX && !name.includes('/') && name !== 'parodus'

function isAddress(url: string): boolean {
  try {
    parseAddress(url)
    return true
  } catch {
    return false
  }
}
