import { join } from 'node:path';
import type { Clock } from '#lib/base/clock.ts';
import { messageOf } from '#lib/base/errors.ts';
import type { Logger } from '#lib/base/log.ts';
import { runParts } from '#lib/base/parts.ts';
import type { Part } from '#lib/base/parts.ts';
import type { Random } from '#lib/base/random.ts';
import { metricsServer } from '#lib/http/metrics-server.ts';
import { defaultLimits } from '#lib/pair/limits.ts';
import { awakeMs, recordOf } from '#lib/pair/member-state.ts';
import type { LocalPostgres, MemberState } from '#lib/pair/member-state.ts';
import type { MemberOutputs } from '#lib/pair/outputs.ts';
import { heartbeatOf, leavesDoor, outputsOf } from '#lib/pair/outputs.ts';
import { inspectCertificate } from '#lib/pki/inspect.ts';
import { pairAuthority } from '#lib/pki/trust.ts';
import type { PostgresInstance } from '#lib/postgres/instance.ts';
import { openInstance } from '#lib/postgres/open-instance.ts';
import { pathsOf } from '#lib/postgres/paths.ts';
import { memberAccount } from './account.ts';
import { AdminEndpoint } from './admin-endpoint.ts';
import { AskedOperations } from './asked-operations.ts';
import { runCanaries } from './canary-lane.ts';
import type { AskedOperation, AskRequest, MemberSettings } from './contract.ts';
import type { FailoverReport, MemberStatus } from './contract-status.ts';
import { reportOf } from './failover-story.ts';
import { writeHallFiles } from './hall-files.ts';
import { HallProcess } from './hall-process.ts';
import { binariesFor, instanceSettingsOf, refuseUnusable, withoutRefused } from './instance-settings.ts';
import type { KeptList } from './kept-list.ts';
import { watchLoweredCommits } from './lowered-commits.ts';
import { MemberMetrics } from './member-metrics.ts';
import type { MemberOptions } from './member-options.ts';
import { MemberShell } from './member-shell.ts';
import { statusOf, stepInWords } from './member-status.ts';
import type { OpenArbiter } from './open-arbiter.ts';
import { StoppedLog } from './stopped-log.ts';
import { Nudge } from './nudge.ts';
import { openArbiter } from './open-arbiter.ts';
import { dialPeer } from './peer-link.ts';
import { PostgresLane } from './postgres-lane.ts';
import { openReports } from './report-file.ts';
import { Routes } from './routes.ts';
import type { SettingsSource } from './settings-source.ts';
import { TlsRenewal } from './tls-renewal.ts';
import { runUpkeep } from './upkeep.ts';

export interface MemberPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly version: string;
  readonly uid: number;
  /** Starts the hall server when member.yaml names no command. */
  readonly hallCommand: readonly [string, ...string[]];
}

/** Events of the core by what is asked for. */
const askedEvents = { switchover: 'switchoverAsked', kill: 'killAsked', reinitialise: 'reinitialiseAsked' } as const;
const diskEveryMs = 2_000;
/** Below this it is said aloud; the operator's condition DiskFull has the same limit. */
const diskLowPercent = 5;

/** A running member pauses, resumes and renews its certificates; any other change starts it anew, with PostgreSQL running on. */
function needsRestart(before: MemberSettings, after: MemberSettings): boolean {
  const rest = ({ paused: _paused, revision: _revision, tls: _tls, ...others }: MemberSettings): string =>
    JSON.stringify({
      ...others,
      arbiter: { ...others.arbiter, tls: undefined },
      dns: others.dns === undefined ? undefined : { ...others.dns, tsig: { ...others.dns.tsig, secret: others.dns.tsig.secret.reveal() } },
      hallServer: others.hallServer === undefined ? undefined : { ...others.hallServer, hallAuthority: '' },
    });
  return rest(before) !== rest(after);
}

/** Everything that certificates are checked and shown with, in one text. */
function certificatesOf({ tls, hallServer, arbiter }: MemberSettings): string {
  const all = [tls, ...(arbiter.kind === 'etcd' ? [arbiter.tls] : [])];
  const own = all.flatMap(({ certificate, key, authority }) => [certificate, key.reveal(), authority]);
  return [...own, hallServer?.hallAuthority ?? ''].join('\n');
}

/** One member with one set of settings, from taking the lock to letting it go. */
export class Member {
  readonly #options: MemberOptions;
  readonly #source: SettingsSource;
  #settings: MemberSettings;
  readonly #ports: MemberPorts;
  readonly #metrics: MemberMetrics;
  readonly #instance: PostgresInstance;
  readonly #lane: PostgresLane;
  readonly #reports: KeptList<FailoverReport>;
  readonly #asked: AskedOperations;
  readonly #stop = new AbortController();
  readonly #nudge = new Nudge();
  readonly #routes: Routes;
  readonly #endpoint: AdminEndpoint;
  readonly #renewal: TlsRenewal;
  readonly #stoppedLog: StoppedLog;
  #hall: HallProcess | undefined;
  #arbiter: OpenArbiter | undefined;
  #shell: MemberShell | undefined;
  /** Epoch of the last take-over that was told. */
  #toldEpoch = 0;
  #step = { words: '', sinceMs: 0 };
  #diskFreePercent: number | undefined;
  #loweredCommits: readonly string[] = [];
  #restart = false;

  private constructor(
    options: MemberOptions,
    source: SettingsSource,
    ports: MemberPorts,
    made: { readonly instance: PostgresInstance; readonly reports: KeptList<FailoverReport>; readonly asked: AskedOperations },
  ) {
    const { settings } = source;
    this.#options = options;
    this.#source = source;
    this.#settings = settings;
    this.#ports = ports;
    this.#instance = made.instance;
    this.#reports = made.reports;
    this.#asked = made.asked;
    // A pair that serves no Hall belongs to the platform: the name of its namespace could be the name of somebody's Hall.
    const hall = settings.hallServer?.hall ?? '';
    this.#metrics = new MemberMetrics({ hall, pair: settings.pair.name, member: settings.self.name }, ports.clock);
    this.#metrics.dnsServers(settings.dns?.servers ?? []);
    if (settings.service !== undefined) this.#metrics.hasService();
    const last = made.reports.entries[0];
    if (last !== undefined) this.#metrics.showPhases(last);
    const lanePorts = { peer: settings.peer.name, clock: ports.clock, log: ports.log };
    const died = (postgres: LocalPostgres): void => this.#shell?.send({ on: 'postgresDied', postgres });
    this.#lane = new PostgresLane(made.instance, lanePorts, died, this.#stop.signal);
    this.#endpoint = this.#admin();
    this.#renewal = new TlsRenewal((changed, signal) => this.#useTls(changed, signal), ports, this.#stop.signal);
    this.#stoppedLog = new StoppedLog({ instance: made.instance, clock: ports.clock, log: ports.log, state: () => this.state });
    this.#routes = new Routes(settings, {
      ...ports,
      client: source.client,
      awakeMs: () => (this.#shell === undefined ? 0 : awakeMs(this.#shell.state)),
      metrics: this.#metrics,
    });
  }

  /** @throws HK_OPTIONS_INVALID, HK_POSTGRES_BINARIES, HK_POSTGRES_SETTINGS, HK_MEMBER_ACCOUNT */
  static async make(options: MemberOptions, source: SettingsSource, ports: MemberPorts, signal: AbortSignal): Promise<Member> {
    const settings = withoutRefused(source.settings, ports.log);
    refuseUnusable(options, settings);
    const { directory: binaryDirectory } = await binariesFor(options, signal);
    const account = await memberAccount(options.postgresql.user, ports.uid);
    const instance = openInstance(instanceSettingsOf(options, settings, { ...account, binaryDirectory }), {
      clock: ports.clock,
      random: ports.random,
      log: ports.log,
    });
    return new Member(options, source, ports, {
      instance,
      reports: await openReports(join(options.stateDirectory, 'failovers.json'), ports.log),
      asked: await AskedOperations.open(join(options.stateDirectory, 'operations.json'), ports.log),
    });
  }

  /** Runs until the signal aborts or changed settings ask for a new start. PostgreSQL runs on either way. */
  async run(outer: AbortSignal): Promise<'stopped' | 'restart'> {
    const stop = (): void => this.#stop.abort(new Error('the agent stops'));
    outer.addEventListener('abort', stop, { once: true });
    if (outer.aborted) stop();
    const { clock, log } = this.#ports;
    try {
      await runParts(this.#parts(), { clock, log, signal: this.#stop.signal });
    } finally {
      outer.removeEventListener('abort', stop);
    }
    return this.#restart && !outer.aborted ? 'restart' : 'stopped';
  }

  #parts(): readonly Part[] {
    const { clock, log, version } = this.#ports;
    const { signal } = this.#stop;
    const background = (name: string, task: () => Promise<void>): Part => {
      let running: Promise<void> | undefined;
      const fail = (error: unknown): void => {
        log.error({ part: name, error: messageOf(error) }, 'a part of the agent failed; it is started anew');
        this.#restart = true;
        this.#stop.abort(error);
      };
      return {
        name,
        start: () => void (running = task().catch((error: unknown) => void (signal.aborted || fail(error)))),
        stop: () => running,
        stopMaxMs: 5_000,
      };
    };
    const { address, port } = this.#options.metrics;
    const ready = {
      name: 'record',
      problem: () => (this.#shell?.state.arbiter.seen === undefined ? 'the record was never read' : undefined),
    };
    return [
      metricsServer({
        program: 'hallkeeper-member',
        version,
        address,
        port,
        summary: 'One member of a failover pair: its role, its canaries, its take-overs.',
        collectors: [{ name: this.#metrics.set.name, collect: () => this.#collect() }],
        checks: { healthy: [], ready: [ready] },
        clock,
        log,
      }),
      { name: 'lock', start: () => this.#instance.lock(signal), stop: () => this.#instance.close(), stopMaxMs: 5_000 },
      { name: 'core', start: () => this.#makeShell(), stop: () => this.#arbiter?.close(), stopMaxMs: 1_000 },
      this.#endpoint,
      background('hall server', () => this.#runHall()),
      background('core loop', async () => await this.#shell?.run()),
      background('heartbeats', () => this.#beat()),
      background('canaries', () => this.#canaries()),
      background('upkeep', () => runUpkeep(this.#lane, () => this.state, signal)),
      background('lowered commits', () => watchLoweredCommits(this.#lane, (lowered) => this.#lowered(lowered), signal)),
      background('disk', () => this.#watchDisk()),
      background('stopped log', () => this.#stoppedLog.watch(signal)),
      background('settings', () => this.#source.watch((settings) => this.#changed(settings), signal)),
      { name: 'route', start: () => undefined, stop: () => this.#routes.close(), stopMaxMs: 100 },
    ];
  }

  get state(): MemberState {
    if (this.#shell === undefined) throw new Error('the core is asked before it is made');
    return this.#shell.state;
  }

  async #makeShell(): Promise<void> {
    const { self, peer, founder, detection, whenStandbyLost, paused } = this.#settings;
    const { clock, random, log } = this.#ports;
    const { stateDirectory } = this.#options;
    this.#arbiter = await openArbiter(this.#settings, { client: this.#source.client, stateDirectory, clock, random, log });
    const { store } = this.#arbiter;
    const limits = { ...defaultLimits, ...detection };
    const postgres = await this.#lane.find(this.#stop.signal);
    // A server that ran on while no agent was there has the certificates of then.
    if (this.#lane.running) this.#renewal.take(this.#settings);
    const reinitialising = this.#asked.resume(postgres.data === 'complete');
    this.#shell = new MemberShell(
      { self: self.name, peer: peer.name, founder, limits, whenStandbyLost, paused, reinitialising },
      postgres,
      {
        store,
        lane: this.#lane,
        clock,
        log,
        nudge: this.#nudge,
        act: (outputs, state) => this.#act(outputs, state),
        observe: (state) => this.#observe(state),
        askEnded: (id, as, why) => this.#asked.end(id, as, why),
      },
      this.#stop.signal,
    );
  }

  /** What is shown of the state is made when somebody looks: the core steps some hundred times a second. */
  #collect(): ReturnType<MemberMetrics['set']['collect']> {
    if (this.#shell !== undefined) this.#metrics.show(this.#shell.state);
    return this.#metrics.set.collect();
  }

  #act({ access, route }: MemberOutputs, state: MemberState): void {
    const { log } = this.#ports;
    if (access.to === 'open') log.info({ epoch: access.epoch }, 'clients are served here');
    else log.info({ why: access.why }, 'clients are not served here');
    if (!leavesDoor(state)) this.#lane.door.set(access.to);
    this.#hall?.order(access.to === 'open' ? { do: 'lead', epoch: access.epoch } : { do: 'follow' });
    this.#routes.set(route);
  }

  #observe(state: MemberState): void {
    const words = stepInWords(state, this.#lane.progressPercent);
    if (words !== this.#step.words) this.#step = { words, sinceMs: awakeMs(state) };
    const { takeover } = state;
    if (takeover?.openedMs === undefined || takeover.epoch === this.#toldEpoch) return;
    const { self, peer } = this.#settings;
    const now = { awakeMs: awakeMs(state), wallMs: this.#ports.clock.wallMs() };
    const report = reportOf(takeover, this.#routes.routedMs(), { from: peer.name, to: self.name }, now);
    if (report === undefined) return;
    this.#toldEpoch = takeover.epoch;
    this.#metrics.finished(report);
    this.#ports.log.info(
      { epoch: report.epoch, reason: report.reason, outageMs: report.outageMs, ...report.phasesMs },
      'take-over finished',
    );
    void this.#reports.add(report).catch((error: unknown) => this.#ports.log.error({ error: messageOf(error) }, 'the report was not kept'));
  }

  #tls(): ReturnType<Parameters<typeof dialPeer>[0]['tls']> {
    const { tls, pair, peer, trustDomain } = this.#settings;
    return {
      own: { certificatePem: tls.certificate, privateKeyPem: tls.key },
      trust: [pairAuthority(tls.authority, { trustDomain, pairUid: pair.uid })],
      expected: { kind: 'member', trustDomain, pairUid: pair.uid, name: peer.name },
    };
  }

  #admin(): AdminEndpoint {
    const { self, adminPort, trustDomain } = this.#settings;
    return new AdminEndpoint({
      address: self.address,
      port: adminPort,
      tls: () => this.#tls(),
      peer: this.#tls().expected,
      operator: { kind: 'operator', trustDomain },
      log: this.#ports.log,
      tell: (event) => this.#shell?.send(event),
      status: () => this.#status(),
      takeSettings: async (settings, token) => {
        if (await this.#source.take(settings, token)) this.#changed(settings);
      },
      ask: (what, request) => this.#ask(what, request),
    });
  }

  #status(): MemberStatus {
    const { state } = this;
    return statusOf(state, {
      version: this.#ports.version,
      settingsRevision: this.#source.settings.revision,
      timeline: this.#lane.lastStatus?.timeline ?? this.#stoppedLog.end?.timeline ?? 0,
      stopped: this.#stoppedLog.end,
      progressPercent: this.#lane.progressPercent,
      stepSeconds: Math.max(0, Math.round((awakeMs(state) - this.#step.sinceMs) / 1_000)),
      diskFreePercent: this.#diskFreePercent,
      loweredCommits: this.#loweredCommits,
      certificateExpiresAt: new Date(inspectCertificate(this.#settings.tls.certificate).notAfterMs).toISOString(),
      dns: this.#routes.dns,
      service: this.#routes.service,
      failovers: this.#reports.entries,
      operations: this.#asked.standing,
    });
  }

  /** What was meant for another epoch came too late: the roles may have changed since. */
  async #ask(what: AskedOperation, { id, epoch }: AskRequest): Promise<void> {
    if (!(await this.#asked.begin(what, id))) return;
    const now = recordOf(this.state)?.epoch;
    if (epoch === undefined || epoch === now) this.#shell?.send({ on: askedEvents[what], id });
    else this.#asked.end(id, 'refused', `it was meant for epoch ${epoch}, and this is ${now === undefined ? 'not known' : `epoch ${now}`}`);
  }

  #changed(settings: MemberSettings): void {
    const before = this.#settings;
    if (!needsRestart(before, settings)) {
      this.#settings = settings;
      this.#shell?.send({ on: 'paused', paused: settings.paused });
      if (certificatesOf(before) !== certificatesOf(settings)) this.#renewal.take(settings);
      return;
    }
    this.#ports.log.info({ revision: settings.revision }, 'changed settings: the agent starts anew, PostgreSQL runs on');
    this.#restart = true;
    this.#stop.abort(new Error('the settings changed'));
  }

  /** New connections use them at once; the hall server follows its files. */
  async #useTls(settings: MemberSettings, signal: AbortSignal): Promise<void> {
    const { certificate, key, authority } = settings.tls;
    await this.#instance.setTls({ certificate, key, authority }, signal);
    this.#endpoint.renewTls();
    this.#arbiter?.renew(settings);
    await this.#writeHallFiles(settings);
  }

  async #writeHallFiles(settings: MemberSettings): Promise<string | undefined> {
    const plan = settings.hallServer;
    if (plan === undefined) return undefined;
    const { account } = this.#instance.settings;
    const { socketDirectory } = pathsOf(this.#instance.settings);
    return await writeHallFiles(join(this.#options.stateDirectory, 'hall'), plan, settings, { socketDirectory, account });
  }

  async #runHall(): Promise<void> {
    const file = await this.#writeHallFiles(this.#settings);
    if (file === undefined) return;
    const { account } = this.#instance.settings;
    const command = this.#options.hallServer.command ?? this.#ports.hallCommand;
    this.#hall = new HallProcess({
      command: [...command, '--config', file],
      account,
      clock: this.#ports.clock,
      log: this.#ports.log,
      heard: (event) => void (event.event === 'falseAck' && this.#metrics.falseAck()),
    });
    const { access } = outputsOf(this.state);
    this.#hall.order(access.to === 'open' ? { do: 'lead', epoch: access.epoch } : { do: 'follow' });
    await this.#hall.run(this.#stop.signal);
  }

  async #beat(): Promise<void> {
    const { peer, adminPort, detection } = this.#settings;
    const { clock, log } = this.#ports;
    const ports = { clock, log, address: peer.address, port: adminPort, periodMs: detection.periodMs };
    await dialPeer(
      { ...ports, tls: () => this.#tls(), heartbeat: () => heartbeatOf(this.state), tell: (event) => this.#shell?.send(event) },
      this.#stop.signal,
    );
  }

  async #canaries(): Promise<void> {
    const { clock } = this.#ports;
    await runCanaries(
      {
        instance: this.#instance,
        clock,
        periodMs: this.#settings.detection.periodMs,
        nudge: this.#nudge,
        leads: () => this.#lane.last.process === 'running' && this.#lane.last.role === 'primary',
        tell: (event) => this.#shell?.send(event),
        falseAck: () => this.#metrics.falseAck(),
        took: (which, ms) => this.#metrics.canary(which, ms),
      },
      this.#stop.signal,
    );
  }

  #lowered(found: readonly string[] | undefined): void {
    this.#loweredCommits = found ?? [];
    this.#metrics.loweredCommits(found?.length);
  }

  async #watchDisk(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const space = await this.#instance.diskSpace().catch(() => undefined);
      const percent = space === undefined ? undefined : Math.floor((space.freeBytes / space.totalBytes) * 100);
      const full = percent !== undefined && percent < diskLowPercent;
      if (full && (this.#diskFreePercent ?? 100) >= diskLowPercent) {
        this.#ports.log.error({ freePercent: percent }, 'the disk of the data is almost full: make room, or PostgreSQL ends');
      }
      this.#diskFreePercent = percent;
      this.#metrics.disk(space);
      await this.#ports.clock.sleep(diskEveryMs, this.#stop.signal).catch(() => undefined);
    }
  }
}
