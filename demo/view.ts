import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { memberNames, pairName, terminalCount } from './names.ts';
import type { Observer } from './observer.ts';
import type { Places } from './places.ts';
import type { Writer } from './writer.ts';

/** What the live view shows. */
export interface ViewFacts {
  readonly seen: Observer['seen'];
  readonly places: Places;
  /** The pair's DNS name. */
  readonly name: string;
  readonly writer: Pick<Writer, 'acknowledged' | 'retries' | 'sinceLastMs'>;
}

/** The lines of the live view: pair, DNS, terminals, writer. */
export function viewLines({ seen, places, name, writer }: ViewFacts): readonly string[] {
  const { pair, addresses, terminals } = seen;
  return [
    '',
    row('pair', pair.value === undefined ? 'not seen yet' : pairText(pair.value), pair.problem),
    row('DNS', addressText(name, addresses.value, places), addresses.problem),
    row('terminals', terminals.value === undefined ? `0/${terminalCount} online` : fleetText(terminals.value), terminals.problem),
    row('writer', writerText(writer), ''),
  ];
}

const titleWidth = 11;
const row = (title: string, text: string, problem: string): string =>
  `  ${title.padEnd(titleWidth)}${text}${problem === '' ? '' : `  (${problem})`}`;

function pairText({ status }: FailoverPair): string {
  const { primary, mode, epoch, conditions } = status ?? {};
  const lossless = conditions?.find(({ type }) => type === 'ZeroLossFailoverPossible')?.status === 'True';
  const members = (status?.members ?? []).map(
    (each) => `${each.name} ${each.reachable === false ? 'not reached' : (each.role ?? 'Unknown')}`,
  );
  const ready = lossless ? 'failover without loss possible' : 'failover not possible now';
  return `${pairName}  primary ${primary ?? '–'}  mode ${mode ?? '–'}  epoch ${epoch ?? '–'}  [${members.join(', ')}]  ${ready}`;
}

function addressText(name: string, addresses: readonly string[] | undefined, { members }: Places): string {
  const whose = (address: string): string => {
    const member = memberNames.find((each) => members[each] === address);
    return member === undefined ? address : `${address} (${member})`;
  };
  return `${name} → ${addresses === undefined || addresses.length === 0 ? 'no address' : addresses.map(whose).join(', ')}`;
}

function fleetText({ online, total, members, roundTripSeconds }: NonNullable<Observer['seen']['terminals']['value']>): string {
  const served = Object.entries(members).map(([member, count]) => `${count} by ${member}`);
  const trip = roundTripSeconds === undefined ? '' : `, round trip ${(roundTripSeconds * 1_000).toFixed(1)} ms`;
  return `${online}/${total} online${served.length === 0 ? '' : `, served ${served.join(' and ')}`}${trip}`;
}

function writerText({ acknowledged, retries, sinceLastMs }: ViewFacts['writer']): string {
  const now = sinceLastMs > stillMs ? `, waiting for ${(sinceLastMs / 1_000).toFixed(1)} s` : '';
  return `${acknowledged} commits acknowledged, ${retries} attempts repeated${now}`;
}

/** A pause that a person would notice. */
const stillMs = 200;
