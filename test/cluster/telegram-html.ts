/** What Telegram makes of a text in parse mode HTML: the plain text, or the reason why it refuses the whole message. */
export type TelegramHtml = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly description: string };

/** Tags that the Bot API knows. Any other tag makes it refuse the message. */
const knownTags = new Set('b strong i em u ins s strike del code pre a span tg-spoiler tg-emoji blockquote'.split(' '));

const namedEntities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"' };

/**
 * Reads a text as the Bot API does in parse mode HTML.
 *
 * @see Telegram Bot API, "HTML style"
 */
export function readTelegramHtml(html: string): TelegramHtml {
  const open: string[] = [];
  let text = '';
  for (let at = 0; at < html.length;) {
    const character = html.charAt(at);
    if (character === '&') {
      const entity = entityAt(html, at);
      text += entity.text;
      at += entity.length;
    } else if (character === '<') {
      const tag = tagAt(html, at);
      if ('problem' in tag) return refused(tag.problem);
      if (!tag.closing) open.push(tag.name);
      else if (open.at(-1) === tag.name) open.pop();
      else return refused(`Unexpected end tag at byte offset ${byteOffset(html, at)}`);
      at += tag.length;
    } else {
      text += character;
      at += 1;
    }
  }
  const unclosed = open.at(-1);
  return unclosed === undefined ? { ok: true, text } : refused(`Can't find end tag corresponding to start tag "${unclosed}"`);
}

interface Tag {
  readonly name: string;
  readonly closing: boolean;
  readonly length: number;
}

function tagAt(html: string, at: number): Tag | { readonly problem: string } {
  const found = /^<(\/?)([a-z-]+)((?:\s+[a-z-]+(?:="[^"]*"|='[^']*'|=[^\s"'>]+)?)*)\s*>/i.exec(html.slice(at, at + tagCharactersMax));
  const closing = found?.[1] === '/';
  const name = found?.[2]?.toLowerCase() ?? '';
  if (found === null || !knownTags.has(name)) {
    const shown = /^<\/?([^\s>]*)/.exec(html.slice(at, at + 40))?.[1] ?? '';
    return { problem: `Unsupported ${html[at + 1] === '/' ? 'end' : 'start'} tag "${shown}" at byte offset ${byteOffset(html, at)}` };
  }
  if (name === 'span' && !closing && !/class="tg-spoiler"/.test(found[3] ?? '')) {
    return { problem: `Tag "span" must have class "tg-spoiler" at byte offset ${byteOffset(html, at)}` };
  }
  return { name, closing, length: found[0].length };
}

const tagCharactersMax = 4_096;

/** Numeric entities and the four named ones are decoded. Anything else that starts with an ampersand stays as it is. */
function entityAt(html: string, at: number): { readonly text: string; readonly length: number } {
  const found = /^&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));?/i.exec(html.slice(at, at + 12));
  const code = found?.[1] === undefined ? Number.parseInt(found?.[2] ?? '', 16) : Number(found[1]);
  if (found !== null && code > 0 && code <= 0x10ffff) return { text: String.fromCodePoint(code), length: found[0].length };
  const named = namedEntities[found?.[3]?.toLowerCase() ?? ''];
  return found !== null && named !== undefined ? { text: named, length: found[0].length } : { text: '&', length: 1 };
}

const byteOffset = (text: string, at: number): number => Buffer.byteLength(text.slice(0, at));

function refused(problem: string): TelegramHtml {
  return { ok: false, description: `Bad Request: can't parse entities: ${problem}` };
}
