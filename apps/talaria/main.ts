/** Talaria as a process: it holds the devices' websockets. */
import './heap/new-space.ts'
import { runApp } from '#libs/lifecycle/run.ts'
import { start } from './app.ts'
import { talariaEnv } from './config.ts'

await runApp('talaria', talariaEnv, start)
