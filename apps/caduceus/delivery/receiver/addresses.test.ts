import { describe, expect, it } from 'vitest'
import { createAddressGuard } from './addresses.ts'

describe('the address guard', () => {
  const guard = createAddressGuard(['10.1.0.0/16', 'fd00:1::/32'])
  it.each(['8.8.8.8', '2606:4700::1', '10.1.2.3', 'fd00:1::5', '::ffff:10.1.2.3'])(
    'allows %s',
    (address) => expect(guard.allows(address)).toBe(true),
  )
  it.each([
    '0.0.0.0',
    '10.2.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.31.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '::ffff:0:127.0.0.1',
    '::ffff:0:a00:1',
    '::5efe:10.0.0.1',
    'fe80::5efe:10.0.0.1',
    '64:ff9b:1::a00:1',
    '100::1',
    '100:0:0:1::1',
    '1fff:ffff::1',
    '4000::1',
    '5f00::1',
    '2001::1',
    '2001:0:a00:1::',
    '2001:db8::1',
    '3fff::1',
    'fec0::1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    'fe80::1',
    'fd00:2::1',
    'ff02::1',
    'localhost',
    '',
  ])('refuses %s', (address) => expect(guard.allows(address)).toBe(false))

  it.each(['10.0.0.0/33', '10.0.0.0/', 'nets', '10.0.0.0/8/8', '1::/129'])(
    'cannot be made with %s',
    (network) => expect(() => createAddressGuard([network])).toThrow(/is no network/),
  )
})
