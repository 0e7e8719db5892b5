/** Talaria as a process: it holds the devices' websockets. */
import './heap/keep-small.ts'
import { runApp } from '#libs/lifecycle/run.ts'
import { start } from './app.ts'
import { talariaEnv } from './config.ts'

await runApp('talaria', talariaEnv, start)
