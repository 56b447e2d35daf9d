import { serversAddress } from '#test/cluster/network.ts';
import type { Network } from '#test/cluster/network.ts';
import type { MemberName } from './names.ts';

/** Addresses and ports of this run. */
export interface Places {
  /** Of the operator and the exporter. */
  readonly servers: string;
  readonly members: Readonly<Record<MemberName, string>>;
  /** Whether a Service may lead to the members: an EndpointSlice refuses loopback addresses. */
  readonly mayHaveService: boolean;
  readonly postgresPort: number;
  readonly hallPort: number;
  readonly hallMetricsPort: number;
  readonly adminPort: number;
  readonly memberMetricsPort: number;
  readonly operatorPort: number;
  readonly exporterPort: number;
}

/** Numbers of the members' addresses in a network of our own. */
const memberNumbers = { a: 11, b: 12 } as const;
/** Without one: two addresses of the loopback network, which the machine has without being told. */
const loopback = { a: '127.0.0.1', b: '127.0.0.2' } as const;

export async function choosePlaces(network: Network): Promise<Places> {
  const { isolated } = network;
  const members = isolated ? { a: await network.address(memberNumbers.a), b: await network.address(memberNumbers.b) } : loopback;
  return {
    servers: await network.address(serversAddress),
    members,
    mayHaveService: isolated,
    postgresPort: await network.freePort(),
    hallPort: await network.freePort(),
    hallMetricsPort: await network.freePort(),
    adminPort: await network.freePort(),
    memberMetricsPort: await network.freePort(),
    operatorPort: await network.freePort(),
    exporterPort: await network.freePort(),
  };
}
