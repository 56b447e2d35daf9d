import type { Answer, Asking, Manifest } from './api-server.ts';
import type { PolicyExample } from './policy-example.ts';
import type { Changes } from './rule-example.ts';

const entered = 'hallkeeper-pair-7-a=10.20.0.11 hallkeeper-pair-7-b=10.20.0.12';
const marks = { 'hallkeeper.dev/epoch': '7', 'hallkeeper.dev/members': entered, 'example.org/note': 'x' };

const sliceNamed = (name: string, annotations: Readonly<Record<string, string>>): Manifest & typeof body => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  ...body,
  metadata: { ...body.metadata, name, annotations },
});
const body = {
  metadata: { name: '', labels: { 'kubernetes.io/service-name': 'north' }, annotations: {} as Readonly<Record<string, string>> },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.20.0.12'], conditions: { ready: true } }],
  ports: [{ name: 'hall', port: 7443, protocol: 'TCP' }],
};

const own = sliceNamed('north-hallkeeper', marks);
const theirs = sliceNamed('theirs', { ...marks, 'hallkeeper.dev/members': 'hallkeeper-pair-8-b=10.20.0.11' });
const withoutEpoch = sliceNamed('no-epoch', { ...marks, 'hallkeeper.dev/epoch': 'x' });

/** What must be there: the slice in which the operator has entered the members of `pair-7`, one of another pair, one without an epoch. */
export const slices = [own, theirs, withoutEpoch] as const;

export interface SliceExamplePorts {
  readonly rewrite: (manifest: Manifest, changes: Changes) => (asking: Asking) => Promise<Answer>;
  readonly users: Readonly<Record<'memberA' | 'memberB' | 'stranger' | 'program', string>>;
}

/** What a member may write of an EndpointSlice, and what not. */
export function sliceExamples(ports: SliceExamplePorts): readonly PolicyExample[] {
  const examples = [...ownExamples(ports), ...addressExamples(ports), ...epochExamples(ports), ...restExamples(ports)];
  return examples.map((example) => ({ policy: 'hallkeeper-endpointslice', ...example }));
}

type Examples = readonly Omit<PolicyExample, 'policy'>[];

/** What a member writes that has opened in epoch 8, and then some. */
function leadTo(
  { rewrite }: SliceExamplePorts,
  address: string,
  changes: Changes = {},
  of = own,
): ReturnType<SliceExamplePorts['rewrite']> {
  const annotations = { ...of.metadata.annotations, 'hallkeeper.dev/epoch': '8' };
  return rewrite(of, { 'endpoints[].addresses': [address], 'metadata.annotations': annotations, ...changes });
}

function ownExamples(ports: SliceExamplePorts): Examples {
  const { memberA, memberB, stranger, program } = ports.users;
  const rule = 'a member writes the EndpointSlice of its own pair';
  const ofOthers = leadTo(ports, '10.20.0.11', {}, theirs);
  return [
    {
      rule,
      behaviour: 'who is entered in a slice leads its clients to himself, and no other member does',
      accepted: leadTo(ports, '10.20.0.11'),
      acceptedFor: [memberA, program, 'admin'],
      refused: leadTo(ports, '10.20.0.11'),
      refusedFor: [stranger],
    },
    {
      rule,
      behaviour: 'a slice in which others are entered is none of a member',
      accepted: ofOthers,
      acceptedFor: [program],
      refused: ofOthers,
      refusedFor: [memberA, memberB, stranger],
    },
  ];
}

function addressExamples(ports: SliceExamplePorts): Examples {
  const { memberA, memberB, program } = ports.users;
  const rule = 'a member leads clients to its own address';
  const changes = [
    { 'endpoints[].addresses': ['198.51.100.9'] },
    { endpoints: [] },
    { endpoints: [{ addresses: ['10.20.0.11'] }, { addresses: ['198.51.100.9'] }] },
  ];
  return [
    {
      rule,
      behaviour: 'nobody leads to the other member',
      accepted: leadTo(ports, '10.20.0.12'),
      acceptedFor: [memberB, program],
      refused: leadTo(ports, '10.20.0.12'),
      refusedFor: [memberA],
    },
    ...changes.map((change) => ({
      rule,
      behaviour: `no member writes ${JSON.stringify(change)}`,
      accepted: leadTo(ports, '10.20.0.11', change),
      acceptedFor: [program, 'admin'],
      refused: leadTo(ports, '10.20.0.11', change),
      refusedFor: [memberA],
    })),
  ];
}

function epochExamples(ports: SliceExamplePorts): Examples {
  const { memberA, program } = ports.users;
  const rule = 'a member changes the EndpointSlice only to a higher epoch';
  const inEpoch = (epoch: string): ReturnType<typeof leadTo> =>
    leadTo(ports, '10.20.0.11', { 'metadata.annotations': { ...marks, 'hallkeeper.dev/epoch': epoch } });
  const overNone = leadTo(ports, '10.20.0.11', {}, withoutEpoch);
  return [
    ...['7', '6', '0', '', 'x', '08', '8.5', '-8'].map((epoch) => ({
      rule,
      behaviour: `over epoch 7 no member writes "${epoch}"`,
      accepted: inEpoch('9000000000000000'),
      acceptedFor: [memberA],
      refused: inEpoch(epoch),
      refusedFor: [memberA],
    })),
    {
      rule,
      behaviour: 'over an epoch that is none nobody writes but the operator',
      accepted: overNone,
      acceptedFor: [program],
      refused: overNone,
      refusedFor: [memberA],
    },
  ];
}

function restExamples(ports: SliceExamplePorts): Examples {
  const { memberA, program } = ports.users;
  const marked = (change: Readonly<Record<string, string>>): Changes => ({
    'metadata.annotations': { ...marks, 'hallkeeper.dev/epoch': '8', ...change },
  });
  const changes: readonly Changes[] = [
    { 'ports[].port': 22 },
    { ports: [] },
    { 'metadata.labels': { 'kubernetes.io/service-name': 'south' } },
    { 'metadata.finalizers': ['example.org/x'] },
    { 'metadata.ownerReferences': [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: '0' }] },
    marked({ 'example.org/note': 'y' }),
    marked({ 'example.org/other': 'y' }),
    marked({ 'hallkeeper.dev/members': 'hallkeeper-pair-7-a=10.20.0.11' }),
    { 'metadata.annotations': { 'hallkeeper.dev/epoch': '8', 'hallkeeper.dev/members': entered } },
  ];
  return changes.map((change) => ({
    rule: 'of an EndpointSlice a member changes the address and the epoch',
    behaviour: `no member writes ${JSON.stringify(change)}`,
    accepted: leadTo(ports, '10.20.0.11', change),
    acceptedFor: [program, 'admin'],
    refused: leadTo(ports, '10.20.0.11', change),
    refusedFor: [memberA],
  }));
}
