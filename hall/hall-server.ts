import { Server } from '@grpc/grpc-js';
import type { ServerCredentials } from '@grpc/grpc-js';
import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Random } from '#lib/base/random.ts';
import { formatEndpoint } from '#lib/link/endpoint.ts';
import { FleetService as FleetDefinition } from '#lib/link/gen/hallkeeper/v1/fleet.ts';
import { FleetAdminService } from '#lib/link/gen/hallkeeper/v1/fleet_admin.ts';
import { serverChannelOptions } from '#lib/link/limits.ts';
import type { HallEvent, HallServerSettings } from './contract.ts';
import { Leadership } from './leadership.ts';
import type { HallMeter } from './hall-meter.ts';
import { HistoryReader } from './ledger/read-history.ts';
import type { TrustNow } from './peer.ts';
import { FleetService } from './serve-fleet.ts';
import { TerminalLink, terminalLinkDefinition } from './serve-terminal-link.ts';

export interface HallServerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly credentials: ServerCredentials;
  readonly trust: TrustNow;
  readonly meter: HallMeter;
  /** Tells the member agent. */
  readonly tell: (event: HallEvent) => void;
  /** A promise of ours was broken: the process must end. */
  readonly onBroken: (error: unknown) => void;
}

/** The hall server without its process: listens from the start, serves only while it leads. */
export class HallServer {
  readonly leadership: Leadership;
  readonly link: TerminalLink;
  readonly fleetService: FleetService;
  readonly #server: Server;
  readonly #history: HistoryReader;
  readonly #settings: HallServerSettings;
  readonly #ports: HallServerPorts;
  #falseAcks = 0;

  constructor(settings: HallServerSettings, ports: HallServerPorts) {
    this.#settings = settings;
    this.#ports = ports;
    const { clock, log, trust, meter, tell } = ports;
    const identity = { hall: settings.hall, pairUid: settings.pair.uid, member: settings.member };
    this.leadership = new Leadership(
      { ...identity, ledger: settings.postgresql },
      {
        ...ports,
        onLedger: (state, why) => {
          meter.ledger(state === 'ready' ? '' : why);
          tell({ event: 'ledger', state, why: why === '' ? 'written' : why });
        },
        onFalseAck: () => tell({ event: 'falseAck', total: (this.#falseAcks += 1) }),
        onCommitMs: (ms) => meter.committed(ms),
        onPass: (reign) => this.link.pass(reign),
        onLeading: (reign) => {
          this.link.reignBegan(reign);
          tell({ event: 'leading', epoch: Number(reign.epoch) });
        },
        onFollowing: () => {
          meter.ledger(undefined);
          this.link.reignEnded();
          this.fleetService.reignEnded();
        },
      },
    );
    this.#history = new HistoryReader(settings.postgresql, clock);
    this.link = new TerminalLink(identity, { leadership: this.leadership, trust, clock, log, meter });
    this.fleetService = new FleetService(identity, { leadership: this.leadership, history: this.#history, trust, clock, log, meter });
    this.#server = new Server(serverChannelOptions);
    this.#server.addService(terminalLinkDefinition, { attach: this.link.attach });
    this.#server.addService(FleetDefinition, { watch: this.fleetService.watch, history: this.fleetService.history });
    this.#server.addService(FleetAdminService, { putRoster: this.fleetService.putRoster });
  }

  /** @returns the port. */
  async listen(): Promise<number> {
    const { address, port } = this.#settings.listen;
    const bound = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(formatEndpoint({ address, port }), this.#ports.credentials, (error, boundPort) => {
        if (error === null) resolve(boundPort);
        else reject(error);
      });
    });
    return bound;
  }

  lead(epoch: number): void {
    const why = this.leadership.lead(BigInt(epoch));
    if (why !== undefined) this.#ports.tell({ event: 'refused', why });
  }

  follow(): void {
    this.leadership.follow();
    this.#ports.tell({ event: 'following' });
  }

  async close(): Promise<void> {
    await this.leadership.close();
    this.#history.close();
    this.#server.forceShutdown();
  }
}
