import { defineConfig } from 'vitest/config'

// One file per worker process: a test that starts a nats-server owns its port and directory.
export default defineConfig({
  test: {
    globalSetup: ['tests/support/nats-server-binary.ts'],
    // Most of a test's time is waiting for real processes: one worker for each core, not one fewer.
    maxWorkers: '100%',
    testTimeout: 20_000,
    hookTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{apps,libs,nats,loadtest,docs}/**/*.test.ts', 'tests/*.test.ts'],
        },
      },
      { extends: true, test: { name: 'e2e', include: ['tests/e2e/**/*.test.ts'] } },
    ],
  },
})
