import { expect, it } from 'vitest'
import { addressesIn, searchIn } from './hosts-files.ts'

it('a name is found in the hosts file in any case of letters, as often as it stands there', () => {
  const hosts =
    '127.0.0.1 localhost # a.test\n::1\tlocalhost ip6\n10.0.0.7  a.test b.test\nnone a.test\n'
  expect(addressesIn(hosts, 'a.test')).toEqual(['10.0.0.7'])
  expect(addressesIn(hosts, 'localhost')).toEqual(['127.0.0.1', '::1'])
  expect(addressesIn(hosts, 'c.test')).toEqual([])
  expect(addressesIn('', 'x.localhost')).toEqual(['127.0.0.1', '::1'])
})

it('the suffixes of the last line that has some are tried', () => {
  const file =
    'domain old.test\nnameserver 10.0.0.1\nsearch ns.svc.cluster.local svc.cluster.local\n'
  expect(searchIn(file)).toEqual(['ns.svc.cluster.local', 'svc.cluster.local'])
  expect(searchIn('nameserver 10.0.0.1\nsearch .\n')).toEqual([])
})
