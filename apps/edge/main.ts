/** Edge as a process. */
import { runApp } from '#libs/lifecycle/run.ts'
import { start } from './app.ts'
import { edgeEnv } from './config.ts'

await runApp('edge', edgeEnv, start)
