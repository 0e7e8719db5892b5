/** Connections to Themis over which this device shows its certificate. */
import { readFileSync } from 'node:fs'
import { Agent, type Dispatcher } from 'undici'
import { ConfigError } from '#libs/config/load.ts'

/** The files of one device, PEM; empty where there is none. */
export interface ThemisFiles {
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

/** Reads the files; undefined when none is named. @throws {ConfigError} that names the file. */
export function openThemisConnections(files: ThemisFiles): Dispatcher | undefined {
  const { authority, certificate, key } = files
  if (authority === '' && certificate === '') return undefined
  return new Agent({
    // A token is fetched once a day: a connection that is kept serves nobody.
    pipelining: 0,
    connect: {
      ...(authority === '' ? {} : { ca: read(authority) }),
      ...(certificate === '' ? {} : { cert: read(certificate), key: read(key) }),
    },
  })
}

function read(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new ConfigError(`${file} cannot be read: ${(error as Error).message}`)
  }
}
