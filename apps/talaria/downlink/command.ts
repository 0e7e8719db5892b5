/** One command under way: who asked, for which device, and its span where there is tracing. */
import type { Msg } from '@nats-io/transport-node'
import type { Device } from '#apps/talaria/session/connection/device.ts'
import { beginMessage, readTraceContext } from '#libs/nats/trace.ts'
import { withContext } from '#libs/trace/message.ts'
import type { Span, Tracer } from '#libs/trace/tracer.ts'
import { encode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'

/** A command from when it came until it is answered. */
export interface Command {
  readonly device: Device
  readonly message: Msg
  readonly span: Span | undefined
}

/** Takes a command up; its span is a part of the one of whoever sent it. */
export function takeCommand(device: Device, message: Msg, tracer: Tracer | undefined): Command {
  const span =
    tracer &&
    beginMessage(tracer, {
      operation: 'reply',
      subject: 'command',
      parent: readTraceContext(message.headers),
      device: device.id,
      bytes: message.data.length,
    })
  return { device, message, span }
}

/**
 * What is written to the device: the bytes as they came, unless something had to be put into the
 * message. The trace is put in only where it is recorded, so that nothing is without tracing.
 */
export function bytesOf({ message, span }: Command, read: WrpMessage, wanted: WrpMessage) {
  const written = withContext(wanted, span?.context)
  return written === read ? message.data : encode(written)
}
