import { describe, expect, it } from 'vitest'
import { formatOfAccept, formatOfContentType } from './format.ts'

describe('Content-Type', () => {
  it.each([
    ['application/json', 'json'],
    ['application/msgpack', 'msgpack'],
    ['Application/JSON; charset=utf-8', 'json'],
    [' application/msgpack ;x=y', 'msgpack'],
    ['text/plain', undefined],
    ['application/jsonp', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j is %j', (value, format) => {
    expect(formatOfContentType(value)).toBe(format)
  })
})

describe('Accept', () => {
  it.each([
    [undefined, 'json', 'msgpack'],
    ['  ', 'json', 'msgpack'],
    ['*/*', 'json', 'json'],
    ['application/*', 'msgpack', 'msgpack'],
    ['application/json', 'msgpack', 'json'],
    ['application/msgpack;q=0.5, application/json', 'msgpack', 'json'],
    ['application/msgpack;q=0.5, application/json;q=0.1', 'json', 'msgpack'],
    ['text/html, */*;q=0.1', 'json', 'json'],
    ['application/json;q=0', 'json', undefined],
    ['application/json;q=2', 'json', undefined],
    ['text/html', 'json', undefined],
  ] as const)('%j of a request in %s wants %j', (value, own, format) => {
    expect(formatOfAccept(value, own)).toBe(format)
  })
})
