import { postgresErrors } from './errors.ts';
import { readIfPresent, removeDurably, writeDurably } from './durable-file.ts';
import type { Proof } from './instance.ts';

const formatVersion = 1;

/**
 * Reads the proof of completeness. Absent reads as undefined, and so does anything that we did not write whole: both mean incomplete.
 */
export async function readProof(path: string): Promise<Proof | undefined> {
  const text = await readIfPresent(path);
  return text === undefined ? undefined : parseProof(text);
}

export function parseProof(text: string): Proof | undefined {
  try {
    const raw = JSON.parse(text) as { formatVersion?: unknown; complete?: unknown; systemIdentifier?: unknown; timeline?: unknown } | null;
    if (raw?.formatVersion !== formatVersion || raw.complete !== true) return undefined;
    const { systemIdentifier, timeline } = raw;
    if (typeof systemIdentifier !== 'string' || !/^\d+$/.test(systemIdentifier)) return undefined;
    if (typeof timeline !== 'number' || !Number.isInteger(timeline) || timeline < 1) return undefined;
    return { systemIdentifier, timeline };
  } catch {
    return undefined;
  }
}

/** Durable when this returns. @throws HK_POSTGRES_DATA  for values that no cluster has. */
export async function writeProof(path: string, { systemIdentifier, timeline }: Proof): Promise<void> {
  const text = `${JSON.stringify({ formatVersion, complete: true, systemIdentifier, timeline })}\n`;
  if (parseProof(text) === undefined) throw postgresErrors.HK_POSTGRES_DATA(`no cluster has ${text.trim()}`);
  await writeDurably(path, text, { mode: 0o600, owner: undefined });
}

/** Durably gone when this returns. */
export async function removeProof(path: string): Promise<void> {
  await removeDurably(path);
}
