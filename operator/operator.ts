import { Registry } from 'prom-client';
import type { Clock } from '#lib/base/clock.ts';
import type { Logger } from '#lib/base/log.ts';
import type { Part } from '#lib/base/parts.ts';
import type { Random } from '#lib/base/random.ts';
import type { HttpServer, HttpTls } from '#lib/http/http-server.ts';
import { KubeCaches } from '#lib/kube/caches.ts';
import type { KubeClient } from '#lib/kube/client.ts';
import { EventRecorder } from '#lib/kube/events.ts';
import { cachesCheck, eventLoopCheck, EventLoopLag, leaderCheck, workqueueCheck } from '#lib/kube/health.ts';
import { LeaderElector } from '#lib/kube/lease.ts';
import { KubeMetrics } from '#lib/kube/metrics.ts';
import { operatorParts } from '#lib/kube/operator-parts.ts';
import type { RequestObserver } from '#lib/kube/request.ts';
import { buildController } from './frame.ts';
import type { OperatorPorts, Room } from './frame.ts';
import { operatorHttp } from './http.ts';
import { followResources } from './operator-caches.ts';
import { productMetrics } from './operator-metrics.ts';
import { processMetrics } from './runtime-metrics.ts';
import type { OperatorSettings } from './settings.ts';

export interface OperatorOptions {
  readonly settings: OperatorSettings;
  /** Host name, `_`, and something new for each process. */
  readonly identity: string;
  readonly tls?: HttpTls | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Makes the client, with what counts its requests. */
  readonly connect: (observer: RequestObserver) => KubeClient;
  /** The process must end at once, without its ordinary stop. */
  readonly fatal: (error: Error) => void;
  readonly rooms: readonly ((ports: OperatorPorts, settings: OperatorSettings) => Room)[];
}

export interface Operator {
  /** In the order of their start. */
  readonly parts: readonly Part[];
  readonly http: HttpServer;
  readonly client: KubeClient;
  readonly registry: Registry;
}

/** A stall that a probe would not forgive: far above what garbage collection takes. */
const stallMaxMs = 5_000;

/** Puts the operator together: nothing runs before its parts are started. */
export function assembleOperator({ settings, identity, tls, clock, random, log, connect, fatal, rooms }: OperatorOptions): Operator {
  const registry = new Registry();
  processMetrics(registry);
  const metrics = new KubeMetrics(registry);
  const client = connect(metrics.requests);
  const cluster = new KubeCaches({ client, clock, random, log, fatal });
  const caches = followResources(cluster, settings.namespaces, settings.namespace);
  const events = new EventRecorder(
    { reportingController: 'hallkeeper.dev/operator', reportingInstance: identity },
    { client, clock, log, dropped: metrics.eventDropped },
  );
  const ports: OperatorPorts = { client, clock, random, log, events, caches, trustDomain: settings.trustDomain };
  const built = rooms.map((room) => room(ports, settings));
  const controllers = built
    .flatMap((room) => room.controllers)
    .map((definition) => buildController(definition, { clock, random, log, metrics, fatal }));
  metrics.watch({ controllers, caches: cluster, clock });
  productMetrics(registry, caches);
  const elector = new LeaderElector(
    { lease: { namespace: settings.namespace, name: settings.lease.name }, identity, times: settings.lease.times },
    { client, clock, random, log, lost: fatal, observer: metrics.elector(settings.lease.name) },
  );
  const lag = new EventLoopLag();
  const http = operatorHttp({
    settings: settings.http,
    tls,
    registry,
    healthy: [leaderCheck(elector), workqueueCheck(controllers), eventLoopCheck(lag, stallMaxMs)],
    ready: [cachesCheck(cluster)],
    clock,
    log,
  });
  const lagPart: Part = { name: 'event-loop lag', start: () => lag.start(), stop: () => lag.stop(), stopMaxMs: 100 };
  const connections: Part = { name: 'connections', start: () => undefined, stop: () => client.close(), stopMaxMs: 2_000 };
  const parts = operatorParts({
    servers: [lagPart, http],
    caches: cluster,
    everyReplica: [],
    lease: elector,
    leaderParts: built.flatMap((room) => room.parts ?? []),
    controllers,
    events: events.part(),
  });
  return { parts: [connections, ...parts], http, client, registry };
}
