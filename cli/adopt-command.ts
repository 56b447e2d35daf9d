import { reasonOfAdoption } from '#operator/contract.ts';
import type { CommandLine } from '#lib/base/command.ts';
import { lacksAcknowledged } from '#lib/pair/why-unserved.ts';
import { adoptionErrors, planAdoption, refuseWithoutRights, writeAdopted } from './adopt.ts';
import type { AdoptionPlan } from './adopt.ts';
import { awaitComparison, awaitSync } from './await-adoption.ts';
import type { Obeyed, WaitPorts } from './await-adoption.ts';
import { clusterOptions, pairCommand, readNamed, readOperator, say } from './command-frame.ts';
import type { CommandPorts } from './command-frame.ts';
import { whyUnconfirmed } from './confirm.ts';
import { hallctlExits } from './exit-codes.ts';
import { operatorOption } from './operator-seen.ts';

export const adoptCommand = pairCommand({
  spec: {
    name: 'hallctl pair adopt',
    summary:
      'Writes the lost record of a pair anew, so that MEMBER leads and the other one follows it. For the condition RecordLost: the record\n' +
      'is missing, was changed by hand or restored from a backup, and both members keep their roles until a person acts. Also when the\n' +
      'record says that the other member leads alone and that one, or its data, is gone for good; and for a MEMBER that is the primary by the\n' +
      'record and does not lead, because it lacks what was acknowledged, when the other member is gone for good.\n' +
      '\n' +
      'First both members are compared, as the operator tells them, which has to run. When MEMBER does not hold everything that the other\n' +
      'one has, it is refused, and only --accept-loss goes on. It needs the right to update pairrecords/adopt (role hallkeeper-hall-administrator).\n' +
      'Only for records that Kubernetes keeps; that of an etcd cannot be adopted by this version.',
    positionals: ['PAIR'],
    options: {
      ...clusterOptions,
      ...operatorOption,
      primary: { help: 'the member that shall lead', value: 'MEMBER', required: true },
      'accept-loss': { help: 'go on although something would be lost; what, is told first' },
      yes: { help: 'do not ask for confirmation' },
      reason: { help: 'why, for the record', value: 'TEXT' },
    },
    exits: {
      [hallctlExits.refused]: 'refused: nothing was changed',
      [hallctlExits.left]: 'the record is written, and the pair is not synchronous yet',
    },
  },
  run: adopt,
});

type AdoptLine = CommandLine<'json' | 'primary' | 'accept-loss' | 'yes' | 'reason' | 'operator' | 'namespace' | 'kubeconfig'>;

async function adopt(line: AdoptLine, ports: CommandPorts): Promise<number> {
  const { client, signal, progress, clock } = ports;
  const primary = line.text('primary') ?? '';
  const waiting = { read: () => readNamed(line, ports), clock, progress };
  // What can be known at once is told at once; the comparison takes its seconds.
  const first = await readNamed(line, ports);
  const author = await refuseWithoutRights(planAdoption(first, primary, { compared: false }), client, signal);
  const told = await freshPlan(line, ports, waiting);
  if (!line.has('json')) progress(planInWords(told));
  if (told.verdict.losses.length > 0 && !line.has('accept-loss')) {
    throw adoptionErrors.HK_ADOPTION_REFUSED(`${lossesOf(told)}. ${otherWay(told)} go on with --accept-loss`);
  }
  const plan = line.has('yes') ? told : await confirmed(told, () => freshPlan(line, ports, waiting), ports);
  const reason = reasonOfAdoption(line.text('reason') ?? 'the record was lost', primary, plan.verdict.losses.length > 0);
  const record = await writeAdopted(plan, { author, reason }, ports, signal);
  const { epoch, sequence } = record.spec;
  progress(`the record is written: Solo, primary ${primary}, epoch ${epoch}, sequence ${sequence}`);
  const obeyed = await awaitSync({ epoch, primary }, waiting, signal).catch((error: unknown): Obeyed => {
    if (signal.aborted) return { synchronous: false, serving: false, missing: undefined };
    throw error;
  });
  const { synchronous, serving } = obeyed;
  const { name: pair } = plan.seen.pair.metadata;
  const { losses, because } = plan.verdict;
  say(line, ports, { ok: true, pair, primary, epoch, sequence, serving, synchronous, losses, because }, endInWords(plan, epoch, obeyed));
  return synchronous ? hallctlExits.ok : hallctlExits.left;
}

/**
 * What would be written, by what holds now: positions that are compared anew, or the status of an operator that lives.
 *
 * @throws HK_ADOPTION_REFUSED  when nobody keeps up to date what is told of the members: one that is told to be silent may lead by now.
 */
async function freshPlan(line: AdoptLine, ports: CommandPorts, waiting: WaitPorts): Promise<AdoptionPlan> {
  const plan = planAdoption(await awaitComparison(waiting, ports.signal), line.text('primary') ?? '', { compared: true });
  if (plan.recordLost) return plan;
  const { stale } = await readOperator(line, ports);
  if (stale === undefined) return plan;
  throw adoptionErrors.HK_ADOPTION_REFUSED(`${stale} So what is told of the members may be out of date, and nobody can compare them`);
}

/** What became of it so far. That the record names a member is not that it serves. */
function endInWords({ primary, seen }: AdoptionPlan, epoch: number, { synchronous, serving, missing }: Obeyed): string {
  const { name: pair, namespace } = seen.pair.metadata;
  const called = `${pair} -n ${namespace}`;
  if (synchronous) return `${pair}: ${primary} leads in epoch ${epoch}, and the pair is in mode Sync again.\n`;
  const back = missing === undefined ? '' : ` ${missing} is not heard: when it is back it is copied by itself.`;
  if (serving)
    return `${pair}: ${primary} leads in epoch ${epoch}; the pair is not in mode Sync yet.${back} Look with: hallctl pair status ${called} --watch\n`;
  return (
    `${pair}: the record says that ${primary} leads in epoch ${epoch}, and ${primary} was not seen to serve clients yet.${back} ` +
    `Look with: hallctl pair explain ${called}, and hallctl pair status ${called} --watch\n`
  );
}

const lossesOf = ({ verdict }: AdoptionPlan): string => verdict.losses.join('; ');

/** A member that is not heard cannot be chosen: it comes back or it is given up. Nor can one without its data. */
function otherWay({ other, seen }: AdoptionPlan): string {
  const { heard, data, stuck } = seen.pair.status?.members?.find((member) => member.name === other) ?? {};
  if (heard !== 'Directly') return `Start ${other}, or, when it is gone for good,`;
  return data === 'Complete' && !lacksAcknowledged({ stuck }) ? `Choose ${other}, or` : `${other} cannot lead: restore a backup, or`;
}

function planInWords({ primary, other, why, verdict, seen }: AdoptionPlan): string {
  const members = (seen.pair.status?.members ?? []).map((member) => {
    const { name, role = '-', heard = '-', data = '-', timeline, position, systemIdentifier = '-' } = member;
    const reach = position === undefined ? 'not known' : `${position.exact ? '' : 'at least '}${position.flushed}`;
    return `  ${name}: ${role}, heard ${heard}, data ${data} of cluster ${systemIdentifier}, timeline ${String(timeline ?? '-')}, position ${reach}`;
  });
  const holds = verdict.because.map((because) => `  ${because}`);
  const lost = verdict.losses.map((loss) => `  LOST: ${loss}.`);
  return [why, ...members, `${primary} would lead, and ${other} follow it:`, ...holds, ...lost].join('\n');
}

/**
 * Lets a person confirm what was told, and looks again afterwards: he may have been asked for long.
 *
 * @throws HK_ADOPTION_REFUSED  when the member's name is not typed, when there is nobody to ask, or when more would be lost by now.
 */
async function confirmed(told: AdoptionPlan, lookAgain: () => Promise<AdoptionPlan>, ports: CommandPorts): Promise<AdoptionPlan> {
  const { primary, seen } = told;
  const why = await whyUnconfirmed(primary, `make it the primary of ${seen.pair.metadata.name}`, ports);
  if (why !== undefined) throw adoptionErrors.HK_ADOPTION_REFUSED(why);
  const plan = await lookAgain();
  if (plan.verdict.losses.every((loss) => told.verdict.losses.includes(loss))) return plan;
  throw adoptionErrors.HK_ADOPTION_REFUSED(`it has changed while you were asked: ${lossesOf(plan)}. Run this command again`);
}
