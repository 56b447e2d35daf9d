import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { assert, constantFrom, property, stringMatching } from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseJson, parseYaml, readJsonFile, readYamlFile } from './documents.ts';
import { messageOf } from './errors.ts';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'hallkeeper-documents-'))));
afterAll(() => rm(folder, { recursive: true }));

function errorOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

const brokenYaml: readonly (readonly [string, string, string])[] = [
  ['an open list', 'a: 1\nb: [swordfish\n', 'deficient indentation (line 3, column 1)'],
  [
    'an alias nobody defined',
    'password: *swordfish\n',
    'unidentified alias; a text that begins with * or ! needs quotes (line 1, column 12)',
  ],
  ['a tag', 'password: !swordfish\n', 'unknown scalar tag; a text that begins with * or ! needs quotes (line 1, column 11)'],
  ['a tag handle', 'password: !swordfish!x 1\n', 'undeclared tag handle; a text that begins with * or ! needs quotes (line 1, column 23)'],
  ['a colon within', 'password: swordfish: x\n', 'bad indentation of a mapping entry (line 1, column 20)'],
  ['an unknown escape', 'password: "swordfish\\q"\n', 'unknown escape sequence (line 1, column 22)'],
  ['nothing', '', 'expected a document, but the input is empty'],
];

test.each(brokenYaml)('YAML with %s is refused by reason and place', (_what, text, says) => {
  const error = errorOf(() => parseYaml(text, 'a.yaml'));
  expect(messageOf(error)).toBe(`the text cannot be understood: a.yaml is not YAML: ${says}`);
  expect(inspect(error, { depth: 9 })).not.toContain('swordfish');
});

const brokenJson: readonly (readonly [string, string, string])[] = [
  ['a text without quotes', '{"token": swordfish}', 'it ends too early or holds something else'],
  ['an open text', '{\n  "token": "swordfish', 'unterminated string (line 2, column 22)'],
  ['a comma too many', '{"token": "swordfish",}', 'expected double-quoted property name (line 1, column 23)'],
  ['something behind it', '{"token": "swordfish"}}', 'unexpected non-whitespace character after JSON (line 1, column 23)'],
  ['words that look like a place', 'sword at position 3', 'it ends too early or holds something else'],
  ['nothing', '\n', 'it is empty'],
];

test.each(brokenJson)('JSON with %s is refused by reason and place', (_what, text, says) => {
  const error = errorOf(() => parseJson(text, 'a.json'));
  expect(messageOf(error)).toBe(`the text cannot be understood: a.json is not JSON: ${says}`);
  expect(inspect(error, { depth: 9 })).not.toContain('swordfish');
});

test('whatever is broken in a file, its error does not quote the secret in it', () => {
  const secret = 'sWoRdFiSh';
  const noise = stringMatching(/^[{}[\]":,\\*&!%@`|>#\n \t'?a1-]{0,12}$/);
  assert(
    property(noise, noise, constantFrom('smtp:\n  password: ', '{"password":"'), (before, after, head) => {
      const text = `${head}${before}${secret}${after}`;
      for (const parse of [parseYaml, parseJson]) {
        const error = errorOf(() => parse(text, 'a'));
        if (error !== undefined) expect(inspect(error, { depth: 9 })).not.toContain(secret);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('good files are read, and an absent one is named', async () => {
  const file = join(folder, 'good');
  await writeFile(file, '{"a": [1]}');
  expect([await readYamlFile(file), await readJsonFile(file)]).toEqual([{ a: [1] }, { a: [1] }]);
  await expect(readYamlFile(join(folder, 'absent.yaml'))).rejects.toThrow('absent.yaml');
});
