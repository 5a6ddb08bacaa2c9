import { defineConfig } from 'vitest/config';

/** Tests on a real Xen: one host, one test after the other, as their order is that of one administrator's day. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    globalSetup: ['./start-host.ts'],
    pool: 'forks',
    fileParallelism: false,
    bail: 0,
    // An emulated Xen has slow spells: a step of four seconds has taken half a minute.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: ['verbose'],
  },
});
