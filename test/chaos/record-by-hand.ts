import type { PairRecordManifest, PairRecordSpec } from '#lib/api/pairrecord.gen.ts';
import { adoptedRecord } from '#lib/pair/decide-adoption.ts';
import { aPairRecord } from '../api/builders.ts';
import type { Answer } from '../api/api-server.ts';
import type { Machine } from './chaos-pair.ts';
import type { Stage } from './stage.ts';

/** The annotation without which nobody may delete a record. */
const retiredAnnotation = 'hallkeeper.dev/retired';

const kind = 'PairRecord';

/** The record as it stands in the arbiter. */
export async function readRecord(stage: Stage): Promise<PairRecordManifest> {
  const answer = refuse(await stage.stand.api.read(kind, aPairRecord().metadata.name));
  return answer.body as unknown as PairRecordManifest;
}

/** Asks for a change of the record as an administrator with an editor does. Returns what the API server has against it; empty: nothing. */
export async function editRecord(stage: Stage, change: Partial<PairRecordSpec>): Promise<string> {
  const { spec } = await readRecord(stage);
  return (await stage.stand.api.update(aPairRecord({ spec: { ...spec, ...change } }))).message;
}

/** Deletes the record as an administrator does who wants it at all costs. */
export async function deleteRecord(stage: Stage): Promise<void> {
  const { metadata, spec } = await readRecord(stage);
  const uid = (metadata as { readonly uid?: string }).uid ?? '';
  refuse(await stage.stand.api.update(aPairRecord({ annotations: { [retiredAnnotation]: uid }, spec })));
  refuse(await stage.stand.api.remove(kind, metadata.name));
}

/** Puts another record in the place of whatever is there, as restoring a backup does: no rule for changes applies. */
export async function replaceRecord(stage: Stage, spec: PairRecordSpec): Promise<void> {
  const known = await stage.stand.api.read(kind, aPairRecord().metadata.name);
  if (known.code !== 404) await deleteRecord(stage);
  refuse(await stage.stand.api.create(aPairRecord({ spec })));
}

/**
 * Writes the record anew as `hallctl pair adopt` does, newer than every one that was there: this machine has everything, and leads alone
 * until the other is in step.
 */
export async function adoptRecord(stage: Stage, leader: Machine, last: PairRecordSpec): Promise<void> {
  const { sequence, epoch, systemIdentifier = '', acknowledged: _of, marks: _marks, ...kept } = last;
  const {
    acknowledged: _none,
    marks: _unmarked,
    ...adopted
  } = adoptedRecord({
    primary: leader.name,
    systemIdentifier,
    known: [{ sequence, epoch }],
    wallSeconds: Date.now() / 1_000,
    bothHeard: true,
    author: 'admin',
    reason: 'adopted by a person',
  });
  stage.adoptedEpochs += adopted.epoch - epoch;
  await replaceRecord(stage, { ...kept, ...adopted, primary: leader.name, systemIdentifier, mode: 'Solo' });
}

/** Waits until both members say that the record is lost, and that they froze their roles. */
export async function bothFreeze(stage: Stage): Promise<void> {
  await stage.blocked(stage.primary, 'RecordLost');
  await stage.blocked(stage.standby, 'RecordLost');
}

function refuse(answer: Answer): Answer {
  if (answer.code >= 300) throw new Error(`the API server answered ${answer.code}: ${answer.message}`);
  return answer;
}
