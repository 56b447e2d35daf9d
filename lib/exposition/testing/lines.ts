import { ChunkWriter } from '../chunk-writer.ts';
import type { Samples } from '../samples.ts';

/** The sample lines of families as text, for tests. */
export function linesOf(samples: readonly Samples[]): readonly string[] {
  const out = new ChunkWriter();
  let text = '';
  for (const each of samples) {
    for (let next = 0; next < each.end;) {
      next = each.write(out, next);
      text += Buffer.from(out.take()).toString();
    }
  }
  return text.split('\n').slice(0, -1);
}
