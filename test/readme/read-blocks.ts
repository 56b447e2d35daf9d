/** One fenced block of a Markdown file, with the comment that stands right before it. */
export interface Block {
  /** Of the opening fence, counted from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** `runs: here` gives kind `runs` and value `here`; undefined when there is no such comment. */
  readonly mark: { readonly kind: string; readonly value: string } | undefined;
}

const fence = /^```(\S*)$/;
const markShape = /^<!-- ([a-z]+): (.+) -->$/;

/** Reads the fenced blocks. @throws Error for a block that is not closed. */
export function readBlocks(markdown: string): readonly Block[] {
  const lines = markdown.split('\n');
  const blocks: Block[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const language = fence.exec(lines[index] ?? '')?.[1];
    if (language === undefined) continue;
    const end = lines.indexOf('```', index + 1);
    if (end < 0) throw new Error(`the block of line ${index + 1} is not closed`);
    blocks.push({ line: index + 1, language, text: lines.slice(index + 1, end).join('\n'), mark: markBefore(lines, index) });
    index = end;
  }
  return blocks;
}

function markBefore(lines: readonly string[], index: number): Block['mark'] {
  let before = index - 1;
  while (before >= 0 && lines[before] === '') before -= 1;
  const [, kind, value] = markShape.exec(lines[before] ?? '') ?? [];
  return kind === undefined || value === undefined ? undefined : { kind, value };
}

/** Texts between backticks that are commands by their first word. */
export function inlineCommands(markdown: string): readonly string[] {
  const outside = markdown.replaceAll(/^```[\s\S]*?^```$/gm, '');
  return [...outside.matchAll(/`([^`\n]+)`/g)].flatMap(([, text = '']) => (isCommand(text) ? [text] : []));
}

const isCommand = (text: string): boolean => /^(npm|npx|node|kubectl|sh|bash|sudo|apt|apt-get|hallctl|scripts\/\S+) ./.test(text);
