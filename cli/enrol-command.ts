import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { clusterOptions, pairCommand } from './command-frame.ts';
import { enrolMember } from './enrol.ts';
import { reportOf } from './enrol-report.ts';
import { hallctlExits } from './exit-codes.ts';

export const enrolCommand = pairCommand({
  spec: {
    name: 'hallctl pair enrol',
    summary:
      'Makes the one-time bundle with which the agent of a member finds its settings. It holds a token that lives an hour: bring it to\n' +
      'that member only, and name its file as "bundle" in the settings of the agent.',
    positionals: ['PAIR', 'MEMBER'],
    options: {
      ...clusterOptions,
      out: { help: 'write the bundle to this file, readable by you only; absent: print it', value: 'FILE' },
      json: { help: 'say what was done, or why it was not, as JSON; a bundle that is printed always is' },
    },
  },
  run: async (line, ports) => {
    const [pair = '', member = ''] = line.positionals;
    const out = line.text('out');
    const { client, namespace, endpoint, signal, print } = ports;
    const enrolled = await enrolMember({ pair, member, namespace, ...(await endpoint()) }, client, signal);
    if (out === undefined) print(`${enrolled.bundle}\n`);
    else {
      await writePrivately(out, `${enrolled.bundle}\n`);
      print(reportOf({ ...enrolled, out }, line.has('json')));
    }
    return hallctlExits.ok;
  },
});

/** The file appears whole or not at all. What stands beside it under a name that can be guessed is neither followed nor reused. */
async function writePrivately(file: string, text: string): Promise<void> {
  const part = `${file}.${randomUUID()}.part`;
  try {
    await writeFile(part, text, { mode: 0o600, flag: 'wx' });
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
