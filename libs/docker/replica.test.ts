import { describe, expect, it } from 'vitest'
import { findReplica, parseReplica } from './replica.ts'

describe('the name of a container', () => {
  it.each([
    ['xmidt-on-nats-talaria-2.xmidt-on-nats_front', 2, 'xmidt-on-nats-edge-1'],
    ['xmidt_talaria_12.xmidt_front', 12, 'xmidt_edge_1'],
    ['talaria-talaria-1', 1, 'talaria-edge-1'],
    ['my_own-talaria-3.net', 3, 'my_own-edge-1'],
  ])('%s says which replica it is and what others are called', (name, index, edge) => {
    const replica = parseReplica(name, 'talaria')
    expect(replica).toMatchObject({ index, hostname: name.split('.')[0] })
    expect(replica?.hostnameOf('edge', 1)).toBe(edge)
  })

  it.each([
    'xmidt-petasos-1',
    'talaria-1',
    'xmidt-talaria-0',
    'xmidt-talaria-1a',
    'xmidt-talaria-run-3f2a',
    'xmidt-talaria_1',
    '',
  ])('%j is no replica of Talaria', (name) => {
    expect(parseReplica(name, 'talaria')).toBeUndefined()
  })

  it('is looked for, and its absence told with what was found', async () => {
    await expect(findReplica('talaria', { attemptsMax: 2 })).rejects.toMatchObject({
      code: 'NO_REPLICA',
      message: expect.stringContaining('no container of the service talaria') as string,
    })
  })
})
