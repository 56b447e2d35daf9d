import { expect, test } from 'vitest';
import { readMail } from './mail-message.ts';

test('a subject in two encoded words is joined without the blank between them', () => {
  const raw = 'Subject: =?utf-8?q?Zal_=E2=84=961_?=\r\n =?utf-8?b?0L3QtSDQvtGC0LLQtdGH0LDQtdGC?=\r\n\r\nhello';
  expect(readMail(raw)).toMatchObject({ subject: 'Zal №1 не отвечает', text: 'hello' });
});

test('the plain part of a multipart mail is decoded', () => {
  const raw = [
    'Content-Type: multipart/alternative; boundary="b1"',
    '',
    '--b1',
    'Content-Type: text/html; charset=UTF-8',
    '',
    '<p>no</p>',
    '--b1',
    'Content-Type: text/plain; charset=UTF-8',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'caf=C3=A9 =3D soft=',
    ' break',
    '--b1--',
  ].join('\r\n');
  expect(readMail(raw).text).toBe('café = soft break\n');
});

test('a mail of markup alone has no text', () => {
  expect(readMail('Content-Type: text/html\r\n\r\n<p>x</p>').text).toBe('');
});
