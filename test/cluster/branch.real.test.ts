import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBranch } from './branch.ts';
import type { Branch, Cut } from './branch.ts';
import { startBridgedNetwork } from './network.ts';
import type { BridgedNetwork } from './network.ts';

const asRoot = process.getuid?.() === 0;
const stack = new AsyncDisposableStack();
let network: BridgedNetwork;
let one: Branch;
let two: Branch;
let port = 0;

beforeAll(async () => {
  if (!asRoot) return;
  network = stack.use(await startBridgedNetwork());
  one = stack.use(await startBranch(network, 11));
  two = stack.use(await startBranch(network, 12));
  const server = createServer((socket) => socket.end('here')).listen(0, '0.0.0.0');
  await once(server, 'listening');
  stack.defer(() => void server.close());
  port = (server.address() as { readonly port: number }).port;
});
afterAll(async () => await stack.disposeAsync());

/** Whether a connection from inside the branch to a server of ours at the address is answered. */
const reaches = async (branch: Branch, address: string): Promise<boolean> => {
  const script = `require('node:net').connect({host: '${address}', port: ${port}}).setTimeout(700, () => process.exit(1)).on('data', () => process.exit(0)).on('error', () => process.exit(1))`;
  return await branch.run('env', [process.execPath, '-e', script]).then(
    () => true,
    () => false,
  );
};
/** From one to us as clients, and to us as observers. */
const seen = async (): Promise<readonly boolean[]> =>
  await Promise.all([reaches(one, network.hostAddress), reaches(one, network.observerAddress)]);

test('without root the bridged network says what it needs', async () => {
  if (asRoot) expect(network.range).toMatch(/^10\./);
  else await expect(startBridgedNetwork()).rejects.toThrow('only root may make network namespaces');
});

const cases: readonly (readonly [string, () => readonly Cut[], readonly boolean[]])[] = [
  ['nothing is cut', () => [], [true, true]],
  ['everybody is cut off but observers', () => [{}], [false, true]],
  ['what comes in is dropped', () => [{ way: 'in' }], [false, true]],
  ['what goes out is dropped', () => [{ way: 'out' }], [false, true]],
  ['only the other branch is cut off', () => [{ from: [two.ownAddress] }], [true, true]],
  ['clients alone are cut off', () => [{ from: [network.hostAddress] }], [false, true]],
  ['healed again', () => [], [true, true]],
];
for (const [what, cuts, expected] of cases) {
  test.runIf(asRoot)(what, async () => {
    await one.cut(cuts());
    expect(await seen()).toEqual(expected);
    expect(await reaches(two, network.hostAddress)).toBe(true);
  });
}
