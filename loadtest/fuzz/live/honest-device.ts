/** A device that answers every command, so that requests for it come to their end. */
import { MSG_TYPE } from '#libs/wrp/message.ts'
import { connectDevice, type TestDevice } from '#tests/support/device.ts'

/** Connects; a Talaria that is open asks for no token. */
export async function answerCommands(url: string, deviceId: string): Promise<TestDevice> {
  const device = await connectDevice({ url, deviceId })
  device.onCommand(({ source = '', dest = '', ...command }) =>
    command.transaction_uuid === undefined || command.msg_type === MSG_TYPE.event
      ? undefined
      : { ...command, source: dest, dest: source, payload: Buffer.from('{"statusCode":200}') },
  )
  return device
}
