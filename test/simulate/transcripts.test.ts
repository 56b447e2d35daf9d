import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { simulatePair } from '#lib/pair/simulation/simulate.ts';
import { parseTranscript } from '#lib/pair/simulation/transcript.ts';

const folder = join(import.meta.dirname, '..', 'chaos', 'transcripts');
const files = readdirSync(folder).filter((name) => name.endsWith('.txt'));

describe('races that were found, lived again', () => {
  test('there are some', () => {
    expect(files.length).toBeGreaterThan(0);
  });

  for (const file of files) {
    test(
      file,
      () => {
        const { life, without } = parseTranscript(readFileSync(join(folder, file), 'utf8'));
        const { violation, story } = simulatePair(life, without);
        // A rule that is taken away must be missed; with all of them the race ends well.
        if (without === undefined) expect(violation === undefined ? '' : story.slice(-60).join('\n')).toBe('');
        else expect(violation).toBeDefined();
      },
      60_000,
    );
  }
});
