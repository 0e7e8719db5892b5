/** What of `up`'s own environment goes on to the parts that it starts: how they are traced. */
import { tracingFields } from '#libs/config/tracing.ts'

/** All parts would have this one name; each has its own. */
const OWN_TO_EACH = 'OTEL_SERVICE_NAME'

/** The variables of tracing that are set. */
export function tracingEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  const names = Object.keys(tracingFields)
    .filter((name) => name !== OWN_TO_EACH)
    .flatMap((name) => [name, `${name}_FILE`])
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = environment[name]
      return value ? [[name, value]] : []
    }),
  )
}
