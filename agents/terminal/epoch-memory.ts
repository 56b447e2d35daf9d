import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from '#lib/base/errors.ts';

/** The highest epoch each pair was ever followed with. It only rises, also over restarts. */
export interface EpochMemory {
  highest(pairUid: string): bigint;
  /** Resolves when the epoch cannot be forgotten any more. Lower ones change nothing. */
  remember(pairUid: string, epoch: bigint): Promise<void>;
}

/** For load programs: forgets when the process ends. */
export function memoryEpochs(): EpochMemory {
  const epochs = new Map<string, bigint>();
  return {
    highest: (pairUid) => epochs.get(pairUid) ?? 0n,
    remember: (pairUid, epoch) => {
      if (epoch > (epochs.get(pairUid) ?? 0n)) epochs.set(pairUid, epoch);
      return Promise.resolve();
    },
  };
}

/** Pairs that are kept; a terminal knows one, and another after its pair was made anew. The oldest is forgotten. */
const pairsMax = 32;

/**
 * Keeps epochs in `<folder>/epochs.json`.
 *
 * @throws when the file exists but is not ours: a terminal that forgot its epochs could be commanded by an old primary.
 */
export async function fileEpochs(folder: string): Promise<EpochMemory> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, 'epochs.json');
  const epochs = await readEpochs(file);
  let last: Promise<void> = Promise.resolve();
  return {
    highest: (pairUid) => epochs.get(pairUid) ?? 0n,
    remember: (pairUid, epoch) => {
      if (epoch <= (epochs.get(pairUid) ?? 0n)) return last;
      epochs.delete(pairUid);
      epochs.set(pairUid, epoch);
      for (const oldest of epochs.keys()) if (epochs.size > pairsMax) epochs.delete(oldest);
      const text = `${JSON.stringify(Object.fromEntries([...epochs].map(([uid, value]) => [uid, String(value)])))}\n`;
      last = last.catch(() => undefined).then(() => writeDurably(folder, file, text));
      return last;
    },
  };
}

async function readEpochs(file: string): Promise<Map<string, bigint>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return new Map();
    throw error;
  }
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    raw = undefined;
  }
  const entries = typeof raw === 'object' && raw !== null ? Object.entries(raw) : undefined;
  const isOurs = entries?.every(([, value]) => typeof value === 'string' && /^[0-9]{1,19}$/.test(value)) ?? false;
  if (entries === undefined || !isOurs) throw new Error(`${file} is damaged; remove it only if no old primary of this hall can still run`);
  return new Map(entries.map(([uid, value]) => [uid, BigInt(value as string)]));
}

/** The new content is on the disk under another name before it takes the place of the old one. */
async function writeDurably(folder: string, file: string, text: string): Promise<void> {
  const fresh = `${file}.new`;
  const handle = await open(fresh, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, file);
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
