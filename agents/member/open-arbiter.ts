import { join } from 'node:path';
import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import type { MemberSettings } from './contract.ts';
import { EtcdRecordStore } from './etcd-record-store.ts';
import { KubernetesRecordStore } from './kubernetes-record-store.ts';
import { requestMaxMs } from './member-shell.ts';
import { RecordMemory } from './record-memory.ts';
import type { RecordStore } from './record-store.ts';
import { RememberingRecordStore } from './remembering-record-store.ts';

export interface ArbiterPorts {
  /** The present client of the API server. */
  readonly client: () => KubeClient;
  readonly stateDirectory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The arbiter that the settings name, for as long as the member runs with them. */
export interface OpenArbiter {
  readonly store: RecordStore;
  /** Takes renewed certificates of these settings into use. */
  renew(settings: MemberSettings): void;
  close(): Promise<void>;
}

/** @throws Error of OpenSSL when the certificate for etcd cannot be used; of the file system when what was kept cannot be read. */
export async function openArbiter(settings: MemberSettings, ports: ArbiterPorts): Promise<OpenArbiter> {
  const { self, peer, pair, arbiter } = settings;
  const { client, clock, random, stateDirectory, log } = ports;
  const members = [self.name, peer.name] as const;
  const owner = { pair: pair.uid, self: self.name, random };
  if (arbiter.kind === 'kubernetes') {
    const memory = await RecordMemory.open(join(stateDirectory, 'record-seen-kubernetes.json'), owner, log);
    const store = new KubernetesRecordStore(client, { namespace: pair.namespace, name: pair.name }, members, clock);
    return {
      store: new RememberingRecordStore(store, memory, arbiter.kind),
      renew: () => undefined,
      close: () => memory.settled(),
    };
  }
  const memory = await RecordMemory.open(join(stateDirectory, 'record-seen.json'), owner, log);
  const store = new EtcdRecordStore(arbiter, { pair: pair.uid, members }, { clock, random, memory, requestMaxMs });
  return {
    store,
    renew: (renewed) => {
      if (renewed.arbiter.kind === 'etcd') store.renew(renewed.arbiter.tls);
    },
    close: () => store.close(),
  };
}
