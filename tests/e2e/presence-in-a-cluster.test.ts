import { jetstreamManager } from '@nats-io/jetstream'
import { expect, it } from 'vitest'
import { start } from '#apps/talaria/app.ts'
import { talariaEnv } from '#apps/talaria/config.ts'
import { loadConfig } from '#libs/config/load.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { applyStreams } from '#nats/apply.ts'
import { connectDevice, type TestDevice } from '#tests/support/device.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startNatsCluster } from '#tests/support/nats-cluster.ts'
import { EVENTS_CAPS } from '#tests/support/nats.ts'
import { readTold } from '#tests/support/presence.ts'
import { logOf } from '#tests/support/stack.ts'

const COUNT = 300

it('each session has one online and one offline event while one node of three is killed', async () => {
  await using cluster = await startNatsCluster({ days: 1 })
  const { certificateFile: caFile } = cluster
  const url = cluster.urls.join(',')
  await using nats = await connectNats({ url, caFile, name: 'test', log: logOf('nats') })
  const options = { replicas: 3, ...EVENTS_CAPS, log: logOf('nats') }
  await applyStreams(nats.connection, options)
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  await using talaria = await start(
    loadConfig(talariaEnv, {
      NATS_URL: url,
      NATS_CA_FILE: caFile,
      TALARIA_PORT: '0',
      TALARIA_OPERATIONS_PORT: '0',
      TALARIA_OPEN: 'true',
    }),
    logOf('talaria'),
  )
  const devices = Array.from({ length: COUNT }, (_, index) => index)
  const connected: TestDevice[] = []
  const connect = async (index: number): Promise<void> => {
    const deviceId = `mac:${(0xdd_00_00_00_00_00 + index).toString(16)}`
    connected.push(await connectDevice({ url: talaria.url, deviceId }))
  }
  await Promise.all(devices.slice(0, COUNT / 2).map(connect))
  // Whoever leads EVENTS: its followers have to elect another.
  const { cluster: members } = await manager.streams.info('EVENTS')
  const killing = cluster.kill(['nats-1', 'nats-2', 'nats-3'].indexOf(members?.leader ?? ''))
  for (const device of connected.splice(0, COUNT / 4)) device.socket.terminate()
  await Promise.all(devices.slice(COUNT / 2).map(connect))
  await killing
  for (const device of connected) device.socket.terminate()
  await eventually(
    async () => {
      const sessions = [...(await readTold(manager)).values()]
      expect(sessions.filter(({ offline }) => offline > 0)).toHaveLength(COUNT)
    },
    { withinMs: 60_000 },
  )
  const sessions = [...(await readTold(manager)).values()]
  expect(sessions).toHaveLength(COUNT)
  expect(sessions.filter(({ online, offline }) => online !== 1 || offline !== 1)).toEqual([])
}, 120_000)
