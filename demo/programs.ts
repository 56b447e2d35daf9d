import { join } from 'node:path';

export const repositoryRoot = join(import.meta.dirname, '..');

/** Our own programs, started as a person would: by the Node that runs the demo. */
export const ourPrograms = {
  operator: join(repositoryRoot, 'operator', 'main.ts'),
  member: join(repositoryRoot, 'agents', 'member', 'main.ts'),
  terminals: join(repositoryRoot, 'agents', 'terminal', 'load', 'main.ts'),
  terminalExporter: join(repositoryRoot, 'exporters', 'terminal', 'main.ts'),
  hallctl: join(repositoryRoot, 'cli', 'main.ts'),
} as const;
