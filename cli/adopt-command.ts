import { reasonOfAdoption } from '#operator/contract.ts';
import type { CommandLine } from '#lib/base/command.ts';
import { adoptionErrors, planAdoption, refuseWithoutRights, writeAdopted } from './adopt.ts';
import type { AdoptionPlan } from './adopt.ts';
import { awaitComparison, awaitSync } from './await-adoption.ts';
import { clusterOptions, pairCommand, readNamed, say } from './command-frame.ts';
import type { CommandPorts } from './command-frame.ts';
import { whyUnconfirmed } from './confirm.ts';
import { hallctlExits } from './exit-codes.ts';

export const adoptCommand = pairCommand({
  spec: {
    name: 'hallctl pair adopt',
    summary:
      'Writes the lost record of a pair anew, so that MEMBER leads and the other one follows it. For the condition RecordLost: the record\n' +
      'is missing, was changed by hand or restored from a backup, and both members keep their roles until a person acts. Also when the\n' +
      'record says that the other member leads alone and that one is gone for good.\n' +
      '\n' +
      'First both members are compared, as the operator tells them. When MEMBER does not hold everything that the other one has, it is\n' +
      'refused, and only --accept-loss goes on. It needs the right to update pairrecords/adopt (role hallkeeper-hall-administrator).\n' +
      'Only for records that Kubernetes keeps; that of an etcd cannot be adopted by this version.',
    positionals: ['PAIR'],
    options: {
      ...clusterOptions,
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

type AdoptLine = CommandLine<'json' | 'primary' | 'accept-loss' | 'yes' | 'reason' | 'namespace' | 'kubeconfig'>;

async function adopt(line: AdoptLine, ports: CommandPorts): Promise<number> {
  const { client, signal, progress, clock } = ports;
  const primary = line.text('primary') ?? '';
  const waiting = { read: () => readNamed(line, ports), clock, progress };
  // What can be known at once is told at once; the comparison takes its seconds.
  const first = await readNamed(line, ports);
  const author = await refuseWithoutRights(planAdoption(first, primary, { compared: false }), client, signal);
  const plan = planAdoption(await awaitComparison(waiting, signal), primary, { compared: true });
  if (!line.has('json')) progress(planInWords(plan));
  if (plan.verdict.losses.length > 0 && !line.has('accept-loss')) {
    throw adoptionErrors.HK_ADOPTION_REFUSED(`${lossesOf(plan)}. ${otherWay(plan)} go on with --accept-loss`);
  }
  if (!line.has('yes')) await confirm(plan, ports);
  const reason = reasonOfAdoption(line.text('reason') ?? 'the record was lost', primary, plan.verdict.losses.length > 0);
  const record = await writeAdopted(plan, { author, reason }, ports, signal);
  const { epoch, sequence } = record.spec;
  progress(`the record is written: Solo, primary ${primary}, epoch ${epoch}, sequence ${sequence}`);
  const progressed = await awaitSync({ epoch, primary }, waiting, signal).catch((error: unknown) => {
    if (signal.aborted) return { synchronous: false, missing: undefined };
    throw error;
  });
  const { synchronous, missing } = progressed;
  const { verdict } = plan;
  const { name: pair, namespace } = plan.seen.pair.metadata;
  const why = missing === undefined ? '' : ` ${missing} is not heard: when it is back it is copied by itself.`;
  const words = synchronous
    ? `${pair}: ${primary} leads in epoch ${epoch}, and the pair is in mode Sync again.\n`
    : `${pair}: ${primary} leads in epoch ${epoch}; the pair is not in mode Sync yet.${why} Look with: hallctl pair status ${pair} -n ${namespace} --watch\n`;
  say(line, ports, { ok: true, pair, primary, epoch, sequence, synchronous, losses: verdict.losses, because: verdict.because }, words);
  return synchronous ? hallctlExits.ok : hallctlExits.left;
}

const lossesOf = ({ verdict }: AdoptionPlan): string => verdict.losses.join('; ');

/** A member that is not heard cannot be chosen: it comes back or it is given up. */
function otherWay({ other, seen }: AdoptionPlan): string {
  const heard = seen.pair.status?.members?.some((member) => member.name === other && member.heard === 'Directly');
  return heard === true ? `Choose ${other}, or` : `Start ${other}, or, when it is gone for good,`;
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

/** @throws HK_ADOPTION_REFUSED  when the member's name is not typed, or when there is nobody to ask. */
async function confirm({ primary, seen }: AdoptionPlan, ports: CommandPorts): Promise<void> {
  const why = await whyUnconfirmed(primary, `make it the primary of ${seen.pair.metadata.name}`, ports);
  if (why !== undefined) throw adoptionErrors.HK_ADOPTION_REFUSED(why);
}
