import type { MemberEvent } from '../events.ts';
import type { Schedule } from './schedule.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimPostgres } from './sim-postgres.ts';

/** A remote probe that hangs is given up after this. */
const remoteGiveUpMs = 1_000;

/** Where one life of an agent sends its probe writes. */
export interface CanaryPorts {
  readonly own: SimPostgres;
  readonly peer: SimPostgres;
  readonly peerMachineOn: () => boolean;
  readonly network: SimNetwork;
  readonly schedule: Schedule;
  /** Tells this life of the agent; nobody once it is over. */
  readonly tell: (event: MemberEvent) => void;
  /** No answer of the peer's server is heard: a sabotage. */
  readonly deaf: boolean;
}

/** The probe writes of one life of an agent: two kinds at its own server while that leads, one at the peer's while it does not. */
export class SimCanaries {
  readonly #ports: CanaryPorts;
  #localUnderWay = false;
  #syncUnderWay = false;
  #remoteSinceMs: number | undefined;
  /** The connection of the remote probe stands; a new one may find none free. */
  #remoteConnected = false;

  constructor(ports: CanaryPorts) {
    this.#ports = ports;
  }

  /** Every period. */
  probe(): void {
    const { own } = this.#ports;
    if (own.process === 'running' && own.role === 'primary') this.#probeOwn(own);
    else this.#probePeer();
  }

  #probeOwn(own: SimPostgres): void {
    const { tell, schedule } = this.#ports;
    if (!this.#localUnderWay) {
      tell({ on: 'canary', which: 'local', result: 'started' });
      if (own.alive) {
        this.#localUnderWay = true;
        const { starts } = own;
        const look = (): void => {
          if (own.starts === starts && own.process === 'running' && own.trouble.hangs) return schedule.after(20, look);
          this.#localUnderWay = false;
          return tell({ on: 'canary', which: 'local', result: own.starts === starts && own.alive ? 'ok' : 'failed' });
        };
        schedule.after(2, look);
      }
    }
    if (!own.alive || this.#syncUnderWay) return;
    this.#syncUnderWay = true;
    tell({ on: 'canary', which: 'sync', result: 'started' });
    const position = BigInt(own.log.length);
    const over = (result: 'ok' | 'failed'): void => {
      this.#syncUnderWay = false;
      tell({ on: 'canary', which: 'sync', result, ...(result === 'ok' ? { position } : {}) });
    };
    own.commit(
      'canary',
      () => over('ok'),
      () => over('failed'),
    );
  }

  #probePeer(): void {
    const { tell, schedule, network, own, peer, peerMachineOn, deaf } = this.#ports;
    const { nowMs } = schedule;
    if (this.#remoteSinceMs !== undefined && nowMs - this.#remoteSinceMs < remoteGiveUpMs) return;
    if (this.#remoteSinceMs !== undefined) {
      this.#remoteConnected = false;
      tell({ on: 'canary', which: 'remote', result: 'failed' });
    }
    tell({ on: 'canary', which: 'remote', result: 'started' });
    this.#remoteSinceMs = nowMs;
    const answer = (result: 'ok' | 'alive' | 'failed' | 'refused'): void => {
      this.#remoteSinceMs = undefined;
      this.#remoteConnected = result === 'ok';
      tell({ on: 'canary', which: 'remote', result });
    };
    if (!peerMachineOn() || !network.passes('sql', own.name)) return;
    if (peer.process === 'down') {
      if (network.passes('sql', peer.name)) schedule.after(2, () => answer('refused'));
      return;
    }
    // A stopped server accepts and says nothing; one that recovers, or does not lead, says that it cannot.
    if (peer.stopped || peer.killed || deaf) return;
    const heard = network.passes('sql', peer.name);
    // That no connection is free is said without the disk.
    if (peer.trouble.crowded && !this.#remoteConnected && peer.alive) {
      if (heard) schedule.after(3, () => answer('alive'));
      return;
    }
    if (peer.trouble.hangs) return;
    const serves = peer.alive && peer.role === 'primary';
    if (heard) schedule.after(3, () => answer(serves ? 'ok' : 'failed'));
  }
}
