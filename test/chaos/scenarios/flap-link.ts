import { setTimeout as sleep } from 'node:timers/promises';
import { doubledMs } from '#lib/base/retry.ts';
import { admissionRetry } from '#lib/pair/admission.ts';
import type { Cut } from '../../cluster/branch.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

/** Shorter than what is taken for silence, and a little longer. */
const quickMs = 300;
const slowMs = 650;

/**
 * The lead can change hands only out of SYNC, so each change needs an admission since the one before: the deposed member was killed,
 * waited for the checkpoint that the new leader makes 1.5 s after it opened, was rewound and streamed; and then 600 ms of silence on
 * both paths. More changes than one in this time would mean that a rule of the protocol is broken.
 */
const changeMinMs = 2_000;

/** Both members count how often they lost each other, so each change but the first also waits for the pause after the one before. */
function changesMaxIn(ms: number): number {
  let changes = 0;
  for (let atMs = 0; atMs <= ms; changes += 1) atMs += changeMinMs + (changes < 2 ? 0 : doubledMs(changes - 1, admissionRetry));
  return changes;
}

/** Cuts and heals again and again, and checks how often the lead changed hands meanwhile. */
async function flap(stage: Stage, forMs: number, halfMs: number, cut: Cut): Promise<void> {
  const { primary, standby } = stage;
  stage.undo(() => primary.branch.cut([]));
  const beginMs = performance.now();
  while (performance.now() - beginMs < forMs) {
    await primary.branch.cut([cut]);
    await sleep(halfMs);
    await primary.branch.cut([]);
    await sleep(halfMs);
  }
  const epoch = Math.max(...(await Promise.all([primary, standby].map(async (each) => (await stage.status(each)).record?.epoch ?? 0))));
  const changes = epoch - stage.epoch;
  const changesMax = changesMaxIn(performance.now() - beginMs);
  stage.notes.push(`the lead changed hands ${changes} times in ${forMs / 1_000} s`);
  if (changes > changesMax) throw new Error(`the lead changed hands ${changes} times, at most ${changesMax} were possible`);
}

type Flapping = Pick<Scenario, 'name' | 'about' | 'everyChange'> & {
  readonly forMs: number;
  readonly halfMs: number;
  readonly cut: (stage: Stage) => Cut;
};

const flapping = ({ forMs, halfMs, cut, ...about }: Flapping): Scenario => ({
  ...about,
  group: 'network',
  changes: 'any',
  act: async (stage) => {
    await flap(stage, forMs, halfMs, cut(stage));
    await stage.acknowledged();
  },
});

const fromStandby = (stage: Stage): Cut => ({ from: [stage.standby.branch.ownAddress] });
const fromEverybody = (): Cut => ({});

export const flapPeerLink = flapping({
  name: 'flap-peer-link',
  about: 'For a minute the members lose each other every 300 ms for 300 ms, and both reach the arbiter all the time.',
  forMs: 60_000,
  halfMs: quickMs,
  cut: fromStandby,
});

export const flapPrimaryLink = flapping({
  name: 'flap-primary-link',
  about: 'For a minute the primary loses everybody every 300 ms for 300 ms.',
  forMs: 60_000,
  halfMs: quickMs,
  cut: fromEverybody,
});

export const flapPrimaryLinkSlowly = flapping({
  name: 'flap-primary-link-slowly',
  about: 'For a minute the primary loses everybody every 650 ms for 650 ms: each time long enough to be taken for dead.',
  forMs: 60_000,
  halfMs: slowMs,
  cut: fromEverybody,
});

export const flapPeerLinkShortly = flapping({
  name: 'flap-peer-link-shortly',
  about: 'For five seconds the members lose each other every 300 ms for 300 ms.',
  everyChange: true,
  forMs: 5_000,
  halfMs: quickMs,
  cut: fromStandby,
});
