import type { PairRecordSpec } from '#lib/api/pairrecord.gen.ts';
import type { PairMode } from '#lib/pair/pair-record.ts';

type ResourceMode = PairRecordSpec['mode'];

/** Modes of a record as the resources write them, in the words of the protocol. */
export const protocolModes: Readonly<Record<ResourceMode, PairMode>> = { New: 'new', Sync: 'sync', Solo: 'solo', Claim: 'claim' };

/** The same the other way round. */
export const resourceModes: Readonly<Record<PairMode, ResourceMode>> = { new: 'New', sync: 'Sync', solo: 'Solo', claim: 'Claim' };
