import type { FailoverPair } from '#lib/api/failoverpair.gen.ts';
import { parseDurationMs } from '#lib/base/duration.ts';
import { parseEndpoint } from '#lib/etcd/endpoint.ts';
import type { PairView } from './pair-view.ts';

/**
 * Why the spec of a pair cannot be met, every reason at once and each with what to do; empty when it can. What the schema refuses
 * already is not asked again.
 */
export function refusalsOf({
  pair,
  earlierRecord,
  tsig,
  etcdTls,
  rivals,
}: Pick<PairView, 'pair' | 'earlierRecord' | 'tsig' | 'etcdTls' | 'rivals'>): readonly string[] {
  const { spec, metadata } = pair;
  const pods = spec.members.filter((member) => member.host === undefined).map(({ name }) => name);
  const problems: string[] = [];
  if (pods.length > 0) problems.push(`members of kind pod are not supported yet: run ${pods.join(' and ')} on servers, with host.address`);
  for (const url of spec.arbiter.etcd?.endpoints ?? []) {
    if (parseEndpoint(url) === undefined)
      problems.push(`arbiter.etcd.endpoints: ${url} is no address that can be called, such as https://10.20.0.13:2379`);
  }
  if (etcdTls?.found === false) problems.push(...etcdTls.says);
  if (tsig?.found === false) problems.push(tsig.says);
  if (earlierRecord) {
    problems.push(
      `the PairRecord ${metadata.name} belongs to an earlier pair of this name, whose members may still serve: stop them for good, retire that record and delete it, or choose another name`,
    );
  }
  for (const rival of rivals) {
    problems.push(
      `${rival.place} belongs to the pair ${rival.pair} already, which was there before ${metadata.namespace}/${metadata.name}`,
    );
  }
  return [...problems, ...portProblems(pair), ...detectionProblems(pair)];
}

/** Where a pair's servers listen: address and port, one text each. */
function placesOf({ spec }: FailoverPair): readonly string[] {
  const ports = portsOf(spec);
  return spec.members.flatMap(({ host }) => (host === undefined ? [] : ports.map((each) => `${host.address} port ${each}`)));
}

/** Pairs that were there before this one and listen at the same place. Of two made in the same second the lower UID is the earlier. */
export function rivalsOf(pair: FailoverPair, others: readonly FailoverPair[]): PairView['rivals'] {
  const own = new Set(placesOf(pair));
  const { uid, creationTimestamp } = pair.metadata;
  return others
    .filter(({ metadata }) => metadata.uid !== uid)
    .filter(({ metadata }) => `${metadata.creationTimestamp} ${metadata.uid}` < `${creationTimestamp} ${uid}`)
    .flatMap((other) => {
      const place = placesOf(other).find((each) => own.has(each));
      return place === undefined ? [] : [{ pair: `${other.metadata.namespace}/${other.metadata.name}`, place }];
    });
}

/** Ports on which the servers of each member listen. */
function portsOf({ hallServer, postgresql }: FailoverPair['spec']): readonly number[] {
  const { adminPort, port, metricsPort } = hallServer;
  return [postgresql.port, adminPort, port, ...(metricsPort === undefined ? [] : [metricsPort])];
}

/** Ports of one member must differ from each other. */
function portProblems({ spec }: FailoverPair): readonly string[] {
  const ports = portsOf(spec);
  const twice = [...new Set(ports.filter((each, index) => ports.indexOf(each) !== index))];
  return twice.length === 0 ? [] : [`port ${twice.join(', ')} is given to two servers of one member: choose different ports`];
}

function detectionProblems({ spec }: FailoverPair): readonly string[] {
  const unread = Object.entries(spec.detection).filter(([, text]) => parseDurationMs(text) === undefined);
  return unread.map(([name]) => `detection.${name} is not a duration such as 600ms`);
}
