import { defineConfig } from 'vitest/config';

// Two projects: `unit` needs nothing but Node; `real` starts real servers (kube-apiserver, PostgreSQL, BIND, Prometheus). Its files
// mostly wait, so two of them run at a time; more would starve each other's deadlines on two cores.
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
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
