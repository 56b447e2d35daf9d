import { expect, test } from 'vitest';
import { negotiate } from './negotiate.ts';

const text = 'text/plain; version=0.0.4; charset=utf-8';
const openMetrics = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const prometheus2 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
const prometheus3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,' +
  'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
const prometheus3Native =
  'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,' +
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,' +
  'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1';

test.each([
  { behaviour: 'Prometheus 2.42 gets OpenMetrics', accept: prometheus2, contentType: openMetrics },
  {
    behaviour: 'Prometheus 3 gets OpenMetrics with its escaping',
    accept: prometheus3,
    contentType: `${openMetrics}; escaping=allow-utf-8`,
  },
  { behaviour: 'Prometheus 3 that prefers protobuf too', accept: prometheus3Native, contentType: `${openMetrics}; escaping=allow-utf-8` },
  {
    behaviour: 'the other spelling of the escaping is understood',
    accept: 'application/openmetrics-text;version=1.0.0;escaping=allow-utf8',
    contentType: `${openMetrics}; escaping=allow-utf-8`,
  },
  {
    behaviour: 'underscores change nothing in our names',
    accept: 'application/openmetrics-text;version=1.0.0;escaping=underscores',
    contentType: `${openMetrics}; escaping=underscores`,
  },
  {
    behaviour: 'a scheme that would rewrite names is answered with what was done',
    accept: 'application/openmetrics-text;version=1.0.0;escaping=dots',
    contentType: `${openMetrics}; escaping=underscores`,
  },
  {
    behaviour: 'an escaping that is an attack is not repeated',
    accept: 'application/openmetrics-text;version=1.0.0;escaping="x\r\nSet-Cookie: a"',
    contentType: `${openMetrics}; escaping=underscores`,
  },
  {
    behaviour: 'quotes, case and blanks do not matter',
    accept: ' Application/OpenMetrics-Text ; Version="1.0.0" ; q=0.9 , text/plain;q=0.5',
    contentType: openMetrics,
  },
  { behaviour: 'no header', accept: undefined, contentType: text },
  { behaviour: 'an empty header', accept: '', contentType: text },
  { behaviour: 'anything', accept: '*/*', contentType: text },
  { behaviour: 'a browser', accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', contentType: text },
  { behaviour: 'plain text', accept: 'text/plain', contentType: text },
  {
    behaviour: 'protobuf alone',
    accept: 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited',
    contentType: text,
  },
  { behaviour: 'OpenMetrics 0.0.1 alone', accept: 'application/openmetrics-text;version=0.0.1', contentType: text },
  { behaviour: 'OpenMetrics of a version to come', accept: 'application/openmetrics-text;version=2.0.0', contentType: text },
  { behaviour: 'OpenMetrics without a version', accept: 'application/openmetrics-text', contentType: text },
  {
    behaviour: 'OpenMetrics with the lower q',
    accept: 'application/openmetrics-text;version=1.0.0;q=0.3,text/plain;q=0.4',
    contentType: text,
  },
  {
    behaviour: 'the earlier entry at a tie',
    accept: 'text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0',
    contentType: text,
  },
  { behaviour: 'OpenMetrics refused with q=0', accept: 'application/openmetrics-text;version=1.0.0;q=0,*/*;q=0.1', contentType: text },
  { behaviour: 'a q that is no number counts as refused', accept: 'application/openmetrics-text;version=1.0.0;q=high', contentType: text },
  { behaviour: 'garbage', accept: ';;;=,,,/;q=,\u0000', contentType: text },
  { behaviour: 'a header without end', accept: `${'a/b,'.repeat(50_000)}application/openmetrics-text;version=1.0.0`, contentType: text },
])('$behaviour', ({ accept, contentType }) => {
  expect(negotiate(accept, undefined)).toEqual({ format: contentType === text ? 'text' : 'openmetrics', contentType, gzip: false });
});

test.each([
  ['gzip', true],
  ['GZIP', true],
  ['deflate, gzip;q=0.5', true],
  ['*', true],
  ['gzip;q=0', false],
  ['gzip;q=0, *', false],
  ['x-gzip;q=0, gzip', true],
  ['gzip;q=0, x-gzip;q=0.5', true],
  ['x-gzip;q=0, gzip;q=0', false],
  ['identity', false],
  ['br', false],
  ['', false],
  [undefined, false],
])('Accept-Encoding %s: compressed is %s', (header, gzip) => expect(negotiate(undefined, header).gzip).toBe(gzip));
