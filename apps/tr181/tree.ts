/** A small TR-181 data model, in memory: what a gateway would be asked for. parodus.md §8. */

/** WDMP's numbers for the types of values. */
export const DATA_TYPE = { string: 0, int: 1, unsigned: 2, boolean: 3, none: 11 } as const

/** One parameter; values are always texts. */
export interface Parameter {
  name: string
  value: string
  dataType: number
  isWritable: boolean
  notify?: number
}

/** The longest value that can be set. */
export const VALUE_LENGTH_MAX = 4_096

const parameter = (
  name: string,
  value: string,
  dataType: number,
  isWritable = false,
): Parameter => ({
  name,
  value,
  dataType,
  isWritable,
})

/** A new tree; the uptime is read at each look. */
export function createTree(serialNumber: string): Map<string, Parameter> {
  const startedAt = Date.now()
  const parameters = [
    parameter('Device.DeviceInfo.Manufacturer', 'XMiDT on NATS', DATA_TYPE.string),
    parameter('Device.DeviceInfo.ModelName', 'Simulated Gateway', DATA_TYPE.string),
    parameter('Device.DeviceInfo.SerialNumber', serialNumber, DATA_TYPE.string),
    parameter('Device.DeviceInfo.HardwareVersion', '1.0', DATA_TYPE.string),
    parameter('Device.DeviceInfo.SoftwareVersion', '1.0.0', DATA_TYPE.string),
    parameter('Device.DeviceInfo.ProvisioningCode', '', DATA_TYPE.string, true),
    parameter('Device.Time.Enable', 'true', DATA_TYPE.boolean, true),
    parameter('Device.Time.NTPServer1', 'pool.ntp.org', DATA_TYPE.string, true),
    parameter('Device.Time.LocalTimeZone', 'UTC0', DATA_TYPE.string, true),
    parameter('Device.WiFi.RadioNumberOfEntries', '2', DATA_TYPE.unsigned),
    parameter('Device.WiFi.SSID.1.SSID', 'home', DATA_TYPE.string, true),
    parameter('Device.WiFi.SSID.1.Enable', 'true', DATA_TYPE.boolean, true),
  ]
  const tree = new Map(parameters.map((each) => [each.name, each]))
  const upTime = parameter('Device.DeviceInfo.UpTime', '0', DATA_TYPE.unsigned)
  Object.defineProperty(upTime, 'value', {
    enumerable: true,
    get: () => String(Math.round((Date.now() - startedAt) / 1_000)),
  })
  return tree.set(upTime.name, upTime)
}
