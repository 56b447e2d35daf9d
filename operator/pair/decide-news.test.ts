import { expect, test } from 'vitest';
import type { Condition } from '#lib/kube/conditions.ts';
import { decideNews } from './decide-news.ts';
import type { PairStatement } from './pair-conditions.ts';

type Said = readonly [type: string, status: string, reason: string];
const statement = ([type, status, reason]: Said): PairStatement => ({ type, status, reason, message: 'm' }) as PairStatement;
const condition = (said: Said): Condition => ({ ...statement(said), lastTransitionTime: '2026-01-02T03:04:05Z' }) as Condition;

test.each<[string, Said | undefined, Said, boolean]>([
  ['a pair becomes ready', undefined, ['Ready', 'True', 'SettingsDelivered'], true],
  ['a new pair is not ready yet', undefined, ['Ready', 'False', 'SpecRefused'], false],
  ['a pair is not ready any more', ['Ready', 'True', 'SettingsDelivered'], ['Ready', 'False', 'SpecRefused'], true],
  ['another reason of the same', ['Ready', 'False', 'SpecRefused'], ['Ready', 'False', 'ObjectForeign'], false],
  ['other conditions', ['Progressing', 'False', 'Settled'], ['Progressing', 'True', 'TakeoverRunning'], false],
  ['a name moves', ['DNSInSync', 'True', 'InSync'], ['DNSInSync', 'Unknown', 'Moving'], false],
  ['a name has moved', ['DNSInSync', 'Unknown', 'Moving'], ['DNSInSync', 'True', 'InSync'], true],
  ['a name stays right', ['DNSInSync', 'True', 'InSync'], ['DNSInSync', 'True', 'InSync'], false],
  ['a server goes', ['DNSInSync', 'True', 'InSync'], ['DNSInSync', 'False', 'ServerUnreachable'], true],
  ['it is still away', ['DNSInSync', 'False', 'ServerUnreachable'], ['DNSInSync', 'False', 'ServerUnreachable'], false],
  ['now the name is foreign', ['DNSInSync', 'False', 'ServerUnreachable'], ['DNSInSync', 'False', 'NameForeign'], true],
  ['servers not asked again yet', ['DNSInSync', 'True', 'InSync'], ['DNSInSync', 'Unknown', 'NotAskedYet'], false],
  ['a slice is about to move', ['ServiceInSync', 'True', 'InSync'], ['ServiceInSync', 'False', 'OutOfSync'], false],
  ['a slice has moved', ['ServiceInSync', 'False', 'OutOfSync'], ['ServiceInSync', 'True', 'InSync'], true],
  ['a slice may not be written', ['ServiceInSync', 'False', 'OutOfSync'], ['ServiceInSync', 'False', 'NotApplied'], true],
  ['a slice of a later epoch', ['ServiceInSync', 'True', 'InSync'], ['ServiceInSync', 'False', 'LaterEpoch'], true],
])('%s', (_what, before, now, told) => {
  const stood = before === undefined ? undefined : [condition(before)];
  expect(decideNews(stood, [statement(now)])).toHaveLength(told ? 1 : 0);
});
