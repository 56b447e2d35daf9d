import { expect, test } from 'vitest';
import { readTelegramHtml } from './telegram-html.ts';

const accepted = [
  { behaviour: 'plain text stays', html: 'North is up', text: 'North is up' },
  { behaviour: 'known tags vanish', html: '<b>North</b> <a href="https://x.test/?a=1">open</a>', text: 'North open' },
  { behaviour: 'named and numeric entities are decoded', html: '&lt;b&gt; &amp; &#34;&#x27;', text: '<b> & "\'' },
  { behaviour: 'an unknown entity stays as it is', html: 'a &nbsp; b & c', text: 'a &nbsp; b & c' },
  { behaviour: 'a lone greater-than sign is text', html: '5 > 4', text: '5 > 4' },
] as const;
for (const { behaviour, html, text } of accepted) {
  test(behaviour, () => expect(readTelegramHtml(html)).toEqual({ ok: true, text }));
}

const refused = [
  { behaviour: 'an unknown tag', html: 'a <script>x</script>', says: 'Unsupported start tag "script" at byte offset 2' },
  { behaviour: 'a lone less-than sign', html: '3 < 4', says: 'Unsupported start tag "" at byte offset 2' },
  { behaviour: 'a tag that is never closed', html: '<b>x', says: 'Can\'t find end tag corresponding to start tag "b"' },
  { behaviour: 'tags that cross', html: '<b><i>x</b></i>', says: 'Unexpected end tag at byte offset 7' },
  { behaviour: 'an end without a start, counted in bytes', html: 'é</b>', says: 'Unexpected end tag at byte offset 2' },
] as const;
for (const { behaviour, html, says } of refused) {
  test(`${behaviour} is refused`, () => {
    expect(readTelegramHtml(html)).toEqual({ ok: false, description: `Bad Request: can't parse entities: ${says}` });
  });
}
