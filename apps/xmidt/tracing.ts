/** What of `up`'s own environment goes on to the parts that it starts: how they are traced. */
import { tracingFields } from '#libs/config/tracing.ts'

/** All parts would have this one name; each has its own. */
const OWN_TO_EACH = 'OTEL_SERVICE_NAME'

/**
 * How long a part may wait for the collector, at its end too: the parts end one after the other,
 * and Ctrl-C ends all within 5 s, whatever the collector does.
 */
const TIMEOUT = { OTEL_EXPORTER_OTLP_TIMEOUT: '300' }

/** The variables of tracing that are set. */
export function tracingEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  const names = Object.keys(tracingFields)
    .filter((name) => name !== OWN_TO_EACH)
    .flatMap((name) => [name, `${name}_FILE`])
  const set = names.flatMap((name) => {
    const value = environment[name]
    return value ? [[name, value]] : []
  })
  return { ...TIMEOUT, ...Object.fromEntries(set) }
}
