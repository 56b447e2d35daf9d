import { setTimeout as sleep } from 'node:timers/promises';
import { failoverPhases } from '#agents/member/contract.ts';
import type { FailoverPhase } from '#agents/member/contract.ts';
import type { FailoverPairStatusLastFailover } from '#lib/api/failoverpair.gen.ts';
import { eventually } from '#test/cluster/eventually.ts';
import { namespace, otherMember, pairName, terminalCount } from './names.ts';
import type { MemberName } from './names.ts';
import { deliveredSeconds, pageReceivers, receiversOf } from './page.ts';
import type { Page } from './page.ts';
import { pairRecords, pairs } from './resources.ts';
import { inSeconds } from './result.ts';
import type { DemoResult } from './result.ts';
import type { Screen } from './screen.ts';
import { onlineTerminals, onlyValue, untilSync } from './start.ts';
import type { DemoHall } from './start.ts';
import { allSettled } from './steps.ts';

/** The dead member stays away for so long, as a server that boots again. */
const awayMs = 3_000;
const waitMaxMs = 120_000;
const dnsEveryMs = 10;

/** Kills the primary, watches the failover, brings it back, and tells what was measured. */
export async function tellStory(hall: DemoHall, screen: Screen, signal: AbortSignal): Promise<DemoResult> {
  const { cluster, members, places, writer, fleet, office } = hall;
  const limits = { maxMs: waitMaxMs, signal };
  const { status: before } = await cluster.admin.get(pairs, { namespace, name: pairName }, signal);
  const primary: MemberName = before?.primary === 'b' ? 'b' : 'a';
  const successor = otherMember(primary);

  writer.watchGaps();
  const killedAtMs = performance.now();
  const killedWallMs = Date.now();
  const pointed = untilPointed(hall, places.members[successor], signal);
  const processes = await members[primary].kill();
  screen.line('');
  screen.line(`Primary ${primary} is killed: SIGKILL to its agent, hall server and PostgreSQL, ${processes} processes.`);

  const acknowledgedThen = writer.acknowledged;
  const [dnsMs, failover] = await allSettled([
    pointed.then((atMs) => atMs - killedAtMs),
    eventually('the take-over is in the status of the pair', () => takeoverSince(hall, before?.epoch ?? 0, signal), limits),
    eventually('the writer commits again', () => writer.acknowledged > acknowledgedThen + settledCommits, { ...limits, everyMs: 5 }),
  ]);
  const writeOutageSeconds = inSeconds(writer.longestGapMs);
  const phases = phasesOf(failover);
  for (const line of failoverLines(failover, phases)) screen.line(line);
  const reconnected = await eventually(
    `all terminals are served by ${successor}`,
    async () => {
      const now = await fleet.status();
      return now.online === terminalCount && now.members[successor] === terminalCount && now.reconnectedSeconds;
    },
    limits,
  );
  screen.line(`No commit was acknowledged for ${writeOutageSeconds.toFixed(3)} s, as the writer saw it.`);
  screen.line(
    `${hall.name} led to ${successor} after ${inSeconds(dnsMs).toFixed(3)} s; all terminals were back in ${reconnected.toFixed(3)} s.`,
  );

  await sleep(awayMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  const backAtMs = performance.now();
  await members[primary].start();
  await eventually('both members have everything', () => isSync(hall, signal), { ...limits, everyMs: 50 });
  const rejoinedSeconds = inSeconds(performance.now() - backAtMs);
  await untilSync(cluster.admin, limits);
  screen.line(`Member ${primary} is back and has rejoined as the standby after ${rejoinedSeconds.toFixed(1)} s; the pair is in mode Sync.`);

  const page = await eventually(
    'the page has arrived',
    () => {
      const found = office.page(killedWallMs);
      return receiversOf(found).length === pageReceivers.length && found;
    },
    limits,
  );
  for (const line of pageLines(page, killedWallMs)) screen.line(line);

  const acknowledged = writer.acknowledged;
  const lost = await eventually('the table can be read', async () => ({ count: await writer.lost() }), limits);
  screen.line('');
  screen.line(`${acknowledged} commits were acknowledged; ${lost.count} of them are missing in the table that ${successor} serves.`);
  const online = await eventually('the exporter shows all terminals online', () => wholeFleet(hall), limits);
  return {
    ok: true,
    failover: { writeOutageSeconds, dnsSeconds: inSeconds(dnsMs), acknowledged, lost: lost.count, phases, rejoinedSeconds },
    terminals: { total: terminalCount, online, reconnectedSeconds: reconnected },
    prometheus: await prometheusFigures(hall, signal),
    page: { deliveredSeconds: deliveredSeconds(page, killedWallMs), receivers: receiversOf(page) },
  };
}

/** Commits after which writing goes on for certain. */
const settledCommits = 20;

/** When the DNS server first answered with this address alone. */
async function untilPointed({ bind, name }: DemoHall, address: string, signal: AbortSignal): Promise<number> {
  return eventually(
    `${name} leads to ${address}`,
    async () => {
      const addresses = await bind.addressesOf(name);
      return addresses.length === 1 && addresses[0] === address && performance.now();
    },
    { maxMs: waitMaxMs, everyMs: dnsEveryMs, signal },
  );
}

async function takeoverSince(
  { cluster }: DemoHall,
  epoch: number,
  signal: AbortSignal,
): Promise<FailoverPairStatusLastFailover | undefined> {
  const { status } = await cluster.admin.with({ attemptsMax: 1 }).get(pairs, { namespace, name: pairName }, signal);
  const found = status?.lastFailover;
  return found !== undefined && found.epoch > epoch && found.phases !== undefined ? found : undefined;
}

/** By the record of the pair, which knows it before the operator does. */
async function isSync({ cluster }: DemoHall, signal: AbortSignal): Promise<boolean> {
  const { spec } = await cluster.admin.with({ attemptsMax: 1 }).get(pairRecords, { namespace, name: pairName }, signal);
  return spec.mode === 'Sync';
}

function phasesOf({ phases }: FailoverPairStatusLastFailover): Readonly<Record<FailoverPhase, number>> {
  return Object.fromEntries(failoverPhases.map((phase) => [phase, inSeconds(phases?.[phase] ?? 0)])) as Record<FailoverPhase, number>;
}

const phaseTexts: Readonly<Record<FailoverPhase, string>> = {
  detect: 'from the last sign of life to the verdict',
  decide: 'the record of the pair names the new primary',
  fence: 'it receives nothing more from the old one',
  promote: 'its PostgreSQL leaves recovery',
  open: 'clients are let in, the hall server leads',
  route: 'the DNS name leads there',
};

function failoverLines(
  { from = '?', to = '?', reason = '', message = '', epoch }: FailoverPairStatusLastFailover,
  phases: Readonly<Record<FailoverPhase, number>>,
): readonly string[] {
  return [
    `${to} took over from ${from} (${reason}: ${message}), epoch ${epoch}:`,
    ...failoverPhases.map((phase) => `  ${phase.padEnd(8)} ${phases[phase].toFixed(3).padStart(7)} s  ${phaseTexts[phase]}`),
  ];
}

function pageLines(page: Page, sinceMs: number): readonly string[] {
  const indent = (text: string): readonly string[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => `  | ${line}`);
  return [
    '',
    `The on-call person was told after ${deliveredSeconds(page, sinceMs).toFixed(1)} s. The mail:`,
    ...indent(`Subject: ${page.mail?.subject ?? ''}\n\n${page.mail?.text ?? ''}`),
    'The Telegram message:',
    ...indent(page.message?.text ?? ''),
  ];
}

async function wholeFleet({ prometheus }: DemoHall): Promise<number | undefined> {
  const online = await onlineTerminals(prometheus);
  return online === terminalCount ? online : undefined;
}

async function prometheusFigures({ prometheus }: DemoHall, signal: AbortSignal): Promise<DemoResult['prometheus']> {
  const isWhole = async (): Promise<number | false> =>
    (await onlyValue(prometheus, 'min(up)')) === 1 && onlyValue(prometheus, 'sum(up)').then((up) => up ?? false);
  const targetsUp = await eventually('Prometheus scrapes every part again', isWhole, { maxMs: waitMaxMs, signal });
  const { headStats } = (await prometheus.get('/api/v1/status/tsdb')) as { readonly headStats: { readonly numSeries: number } };
  return { targetsUp, series: headStats.numSeries };
}
