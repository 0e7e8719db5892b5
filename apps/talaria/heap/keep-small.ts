/**
 * Imported first of all by Talaria's `main.ts`, as the space of new objects keeps the size that it
 * has when this runs. Not by `app.ts`: `npm start` runs all apps in one process, with few devices,
 * and takes 10 to 20 MiB more with a small space (measured with five), and no less of the processor.
 */
import { keepNewSpaceSmall } from './new-space.ts'

keepNewSpaceSmall()
