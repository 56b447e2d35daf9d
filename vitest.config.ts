import { defineConfig } from 'vitest/config';

// Two projects: `unit` needs nothing but Node; `real` starts real servers (kube-apiserver, PostgreSQL, BIND, Prometheus) and so
// runs one file at a time, or their start-up on two cores would starve each other's deadlines.
const exclude = ['**/node_modules/**', '.hallkeeper/**'];

export default defineConfig({
  test: {
    reporters: ['default'],
    projects: [
      { test: { name: 'unit', include: ['**/*.test.ts'], exclude: [...exclude, '**/*.real.test.ts'], testTimeout: 30_000 } },
      {
        test: {
          name: 'real',
          include: ['**/*.real.test.ts'],
          exclude,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
