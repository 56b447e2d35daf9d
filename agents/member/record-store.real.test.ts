import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArbiterAnswer } from '#lib/pair/events.ts';
import { admit, claim, found, identify, open, settled } from '#lib/pair/pair-record.ts';
import type { SeenRecord } from '#lib/pair/pair-record.ts';
import { createAuthority } from '#lib/pki/authority.ts';
import { eventually } from '#test/cluster/eventually.ts';
import type { TcpProxy } from '#test/cluster/tcp-proxy.ts';
import type { RecordStore } from './record-store.ts';
import { etcdStand, kubernetesStand } from './testing/arbiter-stands.ts';
import type { ArbiterStand } from './testing/arbiter-stands.ts';

const waits = { maxMs: 60_000 } as const;
const signal = new AbortController().signal;
const by = (author: string): { author: string; reason: string } => ({ author, reason: 'test' });

async function seenBy(store: RecordStore): Promise<SeenRecord> {
  const answer = await store.read(signal);
  if (answer.kind !== 'current') throw new Error(`the record cannot be read: ${JSON.stringify(answer)}`);
  return answer.seen;
}

/** The record after a change that must be carried out. */
async function won(answer: Promise<ArbiterAnswer>): Promise<SeenRecord> {
  const given = await answer;
  if (given.kind !== 'won') throw new Error(`the change was not carried out: ${JSON.stringify(given)}`);
  return given.seen;
}

/** One turn after an answer its connection takes the next request; within that turn a new one would be opened, and held in the proxy. */
const connectionIsFree = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits until a request is whole: nothing more of it has come for a while. */
async function heldWhole(proxy: TcpProxy): Promise<void> {
  await eventually(
    'the request waits in the proxy',
    async () => {
      const before = proxy.held('there');
      await sleep(300);
      return before > 0 && proxy.held('there') === before;
    },
    waits,
  );
}

const stands: readonly (readonly [string, () => Promise<ArbiterStand>])[] = [
  ['a kube-apiserver', kubernetesStand],
  ['an etcd of one member', () => etcdStand(1)],
  ['an etcd of three members', () => etcdStand(3)],
];

for (const [name, stood] of stands) {
  describe(`the record in ${name}`, () => {
    let stand: ArbiterStand;
    beforeAll(async () => {
      stand = await stood();
    }, 120_000);
    afterAll(async () => await stand?.[Symbol.asyncDispose](), 60_000);

    test('what is written is read by the other member', async () => {
      await stand.fresh();
      const a = await stand.store('a');
      const created = await seenBy(a);
      expect(created.record).toMatchObject({ mode: 'new', sequence: 0, epoch: 0, primary: undefined });
      const answer = await a.swap(created, found(created.record, by('a')), signal);
      const record = { mode: 'solo', primary: 'a', epoch: 1, sequence: 1, author: 'a', reason: 'test' };
      expect(answer).toMatchObject({ kind: 'won', seen: { record } });
      expect(answer.kind === 'won' && answer.seen).toEqual(await seenBy(await stand.store('b')));
    });

    test('of two writers that expect one version, one wins, and the other is told what stands there', async () => {
      await stand.fresh();
      const [a, b] = [await stand.store('a'), await stand.store('b')];
      const seen = await seenBy(a);
      await seenBy(b);
      const answers = await Promise.all([a.swap(seen, settled(seen.record), signal), b.swap(seen, settled(seen.record), signal)]);
      expect(answers.map(({ kind }) => kind).toSorted()).toEqual(['current', 'won']);
      const versions = answers.map((answer) => ('seen' in answer ? answer.seen.version : ''));
      expect(versions[0]).toBe(versions[1]);
    });

    test('a long reason is cut, not refused', async () => {
      await stand.fresh();
      const a = await stand.store('a');
      const seen = await seenBy(a);
      const next = found(seen.record, { author: 'a', reason: 'x'.repeat(5_000) });
      expect(await a.swap(seen, next, signal)).toMatchObject({ kind: 'won', seen: { record: { reason: 'x'.repeat(512) } } });
    });

    test('the system identifier goes through unchanged, beyond what a number could hold', async () => {
      await stand.fresh();
      const a = await stand.store('a');
      const seen = await seenBy(a);
      const now = await won(a.swap(seen, found(seen.record, by('a')), signal));
      const named = await a.swap(now, identify(now.record, '7300000000000000001', by('a')), signal);
      expect(named).toMatchObject({ kind: 'won', seen: { record: { systemIdentifier: '7300000000000000001' } } });
    });

    test('a claim keeps what was acknowledged until it is opened', async () => {
      await stand.fresh();
      const a = await stand.store('a');
      const acknowledged = { timeline: 2, lsn: 0x16_b374_d848n };
      const founded = await won(a.swap(await seenBy(a), found((await seenBy(a)).record, by('a')), signal));
      const joined = await won(a.swap(founded, admit(founded.record, by('a')), signal));
      const b = await stand.store('b');
      const claimed = await won(b.swap(await seenBy(b), claim(joined.record, by('b'), acknowledged), signal));
      expect(claimed.record).toMatchObject({ mode: 'claim', acknowledged });
      const kept = await won(a.swap(await seenBy(a), settled(claimed.record), signal));
      expect(kept.record.acknowledged).toEqual(acknowledged);
      const opened = await won(b.swap(kept, open(kept.record, by('b')), signal));
      expect(opened.record).toMatchObject({ mode: 'solo', acknowledged: undefined });
    });

    test('a record that was there and is gone is told as absent', async () => {
      await stand.fresh();
      const a = await stand.store('a');
      const seen = await seenBy(a);
      await stand.lose();
      expect(await a.read(signal)).toEqual({ kind: 'absent' });
      expect(await a.swap(seen, settled(seen.record), signal)).toEqual({ kind: 'absent' });
    });

    for (const [what, why] of [
      ['a newer format', "format 2 is newer than this agent's 1"],
      ['a third member', 'its primary c is not one of a, b'],
    ] as const) {
      test(`a record of ${what} cannot be understood`, async () => {
        await stand.fresh();
        await stand.plant(what);
        const answer = await (await stand.store('b')).read(signal);
        expect(answer).toMatchObject({ kind: 'invalid', why: expect.stringContaining(why) as string });
      });
    }

    test('a server whose certificate is of another authority is not spoken to', async () => {
      await stand.fresh();
      const { certificatePem: authority } = await createAuthority({ commonName: 'another', nowMs: Date.now() });
      const a = await stand.store('a', { authority, requestMaxMs: 5_000 });
      const answer = await a.read(signal);
      expect(answer).toMatchObject({ kind: 'failed', carriedOut: 'no', why: expect.stringMatching(/certificate/i) as string });
      const seen = await seenBy(await stand.store('b'));
      expect(await a.swap(seen, settled(seen.record), signal)).toMatchObject({ kind: 'failed' });
      expect((await seenBy(await stand.store('b'))).version).toBe(seen.version);
    });

    test('the server that leads the others is killed in mid-run: every change is told to exactly one of two writers', async () => {
      await stand.fresh();
      const [a, b] = [await stand.store('a'), await stand.store('b')];
      let seen = await seenBy(a);
      for (let round = 1; round <= 12; round += 1) {
        const killed = round === 6 ? stand.killLeader?.() : undefined;
        const answers = await Promise.all([a.swap(seen, settled(seen.record), signal), b.swap(seen, settled(seen.record), signal)]);
        await killed;
        expect(answers.filter(({ kind }) => kind === 'won').length).toBeLessThan(2);
        const now = await eventually('the arbiter answers', async () => await seenBy(a), waits);
        // With an answer that was lost the change was carried out or not, and nothing else.
        expect(now.record.sequence - seen.record.sequence).toBeLessThan(2);
        if (answers.some(({ kind }) => kind === 'won')) expect(now.record.sequence).toBe(seen.record.sequence + 1);
        seen = now;
      }
      expect(seen.record.sequence).toBeGreaterThanOrEqual(10);
    });

    describe('a request that is carried out late', () => {
      const delayed = async (): Promise<{ readonly proxy: TcpProxy; readonly seen: SeenRecord; readonly direct: RecordStore }> => {
        await stand.fresh();
        const proxy = await stand.proxy();
        const slow = await stand.store('a', { through: proxy, requestMaxMs: 5_000 });
        const seen = await seenBy(slow);
        await connectionIsFree();
        proxy.hold('there');
        const asked = slow.swap(seen, found(seen.record, by('a')), signal);
        await heldWhole(proxy);
        proxy.seal();
        expect(await asked).toMatchObject({ kind: 'failed', carriedOut: 'maybe' });
        const direct = await stand.store('a');
        expect((await seenBy(direct)).version).toBe(seen.version);
        return { proxy, seen, direct };
      };

      test('changes the record, although its sender has given up', async () => {
        const { proxy, direct } = await delayed();
        proxy.release('there');
        await eventually('the late request is carried out', async () => (await seenBy(direct)).record.mode === 'solo', waits);
      });

      test('changes nothing once its sender has settled', async () => {
        const { proxy, seen, direct } = await delayed();
        const now = await won(direct.swap(seen, settled(seen.record), signal));
        proxy.release('there');
        await eventually('the late request is answered', () => proxy.answeredAfterSeal > 0, waits);
        // The first bytes of an answer may come before the request is carried out.
        for (let look = 0; look < 20; look += 1) {
          expect(await seenBy(direct)).toEqual(now);
          await sleep(50);
        }
        expect(now.record).toMatchObject({ mode: 'new', sequence: 1 });
      });
    });

    test('an answer that is lost leaves open whether the change was carried out', async () => {
      await stand.fresh();
      const proxy = await stand.proxy();
      const a = await stand.store('a', { through: proxy, requestMaxMs: 2_000 });
      const seen = await seenBy(a);
      await connectionIsFree();
      proxy.hold('back');
      expect(await a.swap(seen, found(seen.record, by('a')), signal)).toMatchObject({ kind: 'failed', carriedOut: 'maybe' });
      const direct = await stand.store('a');
      await eventually('it was carried out', async () => (await seenBy(direct)).record.mode === 'solo', waits);
    });

    test('a server that goes away: refused is surely not carried out, unanswered perhaps; hints come again afterwards', async () => {
      await stand.fresh();
      const a = await stand.store('a', { requestMaxMs: 2_000 });
      const seen = await seenBy(a);
      let hints = 0;
      const stop = new AbortController();
      const watching = a.watch(() => (hints += 1), stop.signal);
      await eventually('the first hint', () => hints > 0, waits);

      await stand.pause();
      expect(await a.swap(seen, settled(seen.record), signal)).toMatchObject({ kind: 'failed', carriedOut: 'maybe' });
      await stand.kill();
      // The first may still be put on a connection whose end is not known yet.
      const refused = async (): Promise<boolean> => {
        const answer = await a.swap(seen, settled(seen.record), signal);
        expect(answer.kind).toBe('failed');
        return answer.kind === 'failed' && answer.carriedOut === 'no';
      };
      await eventually('a change is refused', refused, waits);
      expect(await a.read(signal)).toMatchObject({ kind: 'failed', carriedOut: 'no' });

      // The watch may stand again before the server calls itself ready.
      const before = hints;
      await stand.start();
      await eventually('the watch stands again', () => hints > before, waits);
      const again = await eventually('the record is read', async () => await seenBy(a), waits);
      const counted = hints;
      await eventually(
        'a change is carried out',
        async () => (await a.swap(again, settled(again.record), signal)).kind !== 'failed',
        waits,
      );
      await eventually('a change is hinted', () => hints > counted, waits);
      stop.abort();
      await watching;
    });
  });
}
