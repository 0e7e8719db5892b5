/** The TR-181 service as a process. */
import { runApp } from '#libs/lifecycle/run.ts'
import { start } from './app.ts'
import { tr181Env } from './config.ts'

await runApp('tr181', tr181Env, start)
