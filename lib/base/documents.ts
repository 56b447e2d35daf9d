import { readFile } from 'node:fs/promises';
import { load, YAMLException } from 'js-yaml';
import { defineErrors } from './errors.ts';
import type { HallkeeperError } from './errors.ts';

export const documentErrors = defineErrors({
  HK_DOCUMENT_MALFORMED: { retry: 'never', says: 'the text cannot be understood' },
});

/**
 * Reads a file of one YAML document; JSON is YAML too.
 *
 * @throws HK_DOCUMENT_MALFORMED  with file, reason, line and column; what stands in the file is never quoted, since it may be a secret.
 *                                The error of the file system when the file cannot be read.
 */
export async function readYamlFile(file: string): Promise<unknown> {
  return parseYaml(await readFile(file, 'utf8'), file);
}

/** As `readYamlFile`, of a text; `name` stands for the file. @throws HK_DOCUMENT_MALFORMED */
export function parseYaml(text: string, name: string): unknown {
  try {
    return load(text);
  } catch (error) {
    if (!(error instanceof YAMLException)) throw malformed(name, 'YAML', 'it cannot be read');
    const { reason, mark } = error;
    throw malformed(name, 'YAML', yamlReason(reason), mark === undefined ? undefined : { line: mark.line + 1, column: mark.column + 1 });
  }
}

/** Reads a file of JSON; errors as those of `readYamlFile`. */
export async function readJsonFile(file: string): Promise<unknown> {
  return parseJson(await readFile(file, 'utf8'), file);
}

/** As `readJsonFile`, of a text; `name` stands for the file. @throws HK_DOCUMENT_MALFORMED */
export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // V8 quotes what it does not understand, and tells the place only where it does not quote.
    const found = /^([^"]*?)(?: in JSON)? at position ([0-9]+)/.exec(error instanceof SyntaxError ? error.message : '');
    if (found !== null) throw malformed(name, 'JSON', lowerFirst(found[1] ?? ''), placeOf(text, Number(found[2])));
    throw malformed(name, 'JSON', text.trim() === '' ? 'it is empty' : 'it ends too early or holds something else');
  }
}

interface Place {
  readonly line: number;
  readonly column: number;
}

/** The error that cannot be understood is no cause of ours: whoever shows causes would show what it quotes. */
function malformed(name: string, language: string, reason: string, place?: Place): HallkeeperError {
  const where = place === undefined ? '' : ` (line ${place.line}, column ${place.column})`;
  return documentErrors.HK_DOCUMENT_MALFORMED(`${name} is not ${language}: ${reason}${where}`);
}

/** js-yaml's own words end where it begins to quote: with a quotation mark, a tag, or after a colon. */
function yamlReason(reason: string): string {
  const words = reason.split(/["!<]|: /)[0]?.trim() ?? '';
  return /\b(alias|tag)\b/.test(words) ? `${words}; a text that begins with * or ! needs quotes` : words;
}

function placeOf(text: string, position: number): Place {
  const before = text.slice(0, position).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}

const lowerFirst = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1);
