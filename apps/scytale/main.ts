/** Scytale as a process: the API through which a caller reaches one device. */
import { runApp } from '#libs/lifecycle/run.ts'
import { start } from './app.ts'
import { scytaleEnv } from './config.ts'

await runApp('scytale', scytaleEnv, start)
