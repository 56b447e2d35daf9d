import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/**
 * Passes TCP on to a server, byte for byte, so that a test can count connections and take the network away. TLS goes
 * through untouched.
 */
export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Connections open now. */
  readonly open: number;
  /** `pass` bytes, `stall` (accept and keep silent, also on open connections), or `refuse` (reset the open ones, too). */
  set(mode: 'pass' | 'stall' | 'refuse'): void;
  close(): Promise<void>;
}

export async function startRelay(target: { readonly host: string; readonly port: number }): Promise<Relay> {
  const pairs = new Set<{ readonly inner: Socket; readonly outer: Socket }>();
  let mode: 'pass' | 'stall' | 'refuse' = 'pass';
  let accepted = 0;
  const steer = ({ inner, outer }: { inner: Socket; outer: Socket }): void => {
    if (mode === 'pass') {
      outer.pipe(inner);
      inner.pipe(outer);
    } else {
      outer.unpipe(inner).pause();
      inner.unpipe(outer).pause();
    }
  };
  const server = createServer((outer) => {
    if (mode === 'refuse') return void outer.resetAndDestroy();
    accepted += 1;
    const inner = connect(target);
    const pair = { inner, outer };
    pairs.add(pair);
    for (const socket of [inner, outer]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pairs.delete(pair);
        inner.destroy();
        outer.destroy();
      });
    }
    steer(pair);
  });
  await new Promise<void>((resolve) => void server.listen(0, target.host, resolve));
  const close = async (): Promise<void> => {
    for (const { inner, outer } of pairs) {
      inner.destroy();
      outer.destroy();
    }
    await new Promise((resolve) => void server.close(resolve));
  };
  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted;
    },
    get open() {
      return pairs.size;
    },
    set: (next) => {
      mode = next;
      for (const pair of pairs) {
        if (next === 'refuse') pair.outer.resetAndDestroy();
        else steer(pair);
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
