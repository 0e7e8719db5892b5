/** A Parodus under attack from both sides: its local services, and the fabric. */
import { connect } from 'node:net'
import { HELLO_BYTES, hello } from '#libs/sp/wire.ts'
import { createParodusCases, type ParodusCase } from './cases/parodus.ts'
import { startHostileCloud, type HostileCloud } from './live/hostile-cloud.ts'
import { startHostileService } from './live/hostile-service.ts'
import { startFuzzed } from './live/process.ts'
import { beneath, taken } from './live/taken.ts'
import { FindingError, type FuzzTarget } from './live/target.ts'
import { createTurns } from './live/turns.ts'

/** Cases at once; those of the fabric's side wait for each other, as there is one connection. */
const LANES = 6

/** How long a link may take to be closed, on a loaded machine. */
const LINK_MS = 30_000

const DEVICE_ID = 'mac:fd0000000001'

/** Starts it. */
export async function startParodusTarget(logFile?: string): Promise<FuzzTarget<ParodusCase>> {
  await using starting = new AsyncDisposableStack()
  const cloud = starting.use(await startHostileCloud())
  const service = starting.use(await startHostileService())
  const parodus = starting.use(
    await startFuzzed(
      'parodus',
      {
        PARODUS_DEVICE_ID: DEVICE_ID,
        PARODUS_PETASOS_URL: cloud.url,
        PARODUS_THEMIS_URL: `${cloud.url}/issue`,
        PARODUS_LOCAL_URL: 'tcp://127.0.0.1:0',
        PARODUS_PARTNER_ID: 'comcast',
        PARODUS_BACKOFF_FIRST_MS: '1',
        PARODUS_BACKOFF_MAX_MS: '5',
        PARODUS_KEEP_ALIVE_MS: '200',
      },
      logFile,
    ),
  )
  const inTurn = createTurns()
  const running = starting.move()
  return {
    processes: [parodus],
    lanes: LANES,
    round: 256,
    makeCase: createParodusCases({
      deviceId: DEVICE_ID,
      serviceUrl: service.url,
      cloudUrl: cloud.url,
    }),
    put: (made) =>
      made.kind === 'link' ? putLink(parodus.url, made.bytes) : inTurn(() => putCloud(cloud, made)),
    async settle() {
      const how = await taken(await cloud.connection())
      if (how !== 'taken') throw new FindingError(`the fabric's connection is ${how}`)
      await greet(parodus.url)
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function putCloud(
  cloud: HostileCloud,
  made: Exclude<ParodusCase, { kind: 'link' }>,
): Promise<string> {
  if (made.kind === 'token' || made.kind === 'answer') {
    await cloud.answerNext(made.kind, made.answer)
    await cloud.connection()
    return 'came again'
  }
  const connection = await cloud.connection()
  if (made.kind === 'messages') {
    for (const each of made.messages) connection.send(each, () => undefined)
  } else {
    beneath(connection).end(made.bytes)
  }
  return taken(connection)
}

const addressOf = (url: string): { host: string; port: number } => {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port) }
}

/** Sends, ends, and resolves when Parodus has closed its side too. */
const putLink = (url: string, bytes: Uint8Array): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(addressOf(url))
    let how = 'ended'
    socket.setTimeout(LINK_MS, () => {
      socket.destroy()
      reject(new FindingError('a link was not closed'))
    })
    socket.on('error', () => {
      how = 'cut'
    })
    socket.on('close', () => resolve(how))
    socket.resume()
    socket.end(bytes)
  })

/** A service that does nothing wrong is greeted. */
const greet = (url: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect(addressOf(url))
    const fail = (): void => {
      socket.destroy()
      reject(new FindingError('a local service is not greeted any more'))
    }
    socket.setTimeout(LINK_MS, fail)
    socket.on('error', fail)
    let bytes = 0
    socket.on('data', (chunk) => {
      bytes += chunk.length
      if (bytes < HELLO_BYTES) return
      socket.destroy()
      resolve()
    })
    socket.write(hello('push'))
  })
