import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { fateOf } from './call-fate.ts';

test.each([
  ['nobody listens', status.UNAVAILABLE, 'No connection established. Last error: connect ECONNREFUSED 10.20.0.13:2379', 'no'],
  ['the name is not known', status.UNAVAILABLE, 'Name resolution failed for target dns:etcd.hall.test:2379', 'no'],
  ['the connection ended', status.UNAVAILABLE, 'Connection dropped', 'maybe'],
  [
    'the server lost its leader while it waited',
    status.UNAVAILABLE,
    'etcdserver: request timed out, possibly due to previous leader failure',
    'maybe',
  ],
  ['no answer in time', status.DEADLINE_EXCEEDED, 'Deadline exceeded', 'maybe'],
  ['given up by ourselves', status.CANCELLED, 'Cancelled on client', 'maybe'],
  ['a user without rights', status.PERMISSION_DENIED, 'etcdserver: permission denied', 'no'],
  ['a token that is over', status.UNAUTHENTICATED, 'etcdserver: invalid auth token', 'no'],
  ['a request that is wrong', status.INVALID_ARGUMENT, 'etcdserver: key is not provided', 'no'],
  ['something that is no etcd', status.UNIMPLEMENTED, 'Received HTTP status code 404', 'no'],
  ['an etcd without room', status.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded', 'no'],
  ['an answer that is too long for us', status.RESOURCE_EXHAUSTED, 'Received message larger than max', 'maybe'],
  ['anything that nobody foresaw', status.UNKNOWN, '', 'maybe'],
] as const)('%s: carried out %s', (_what, code, details, fate) => expect(fateOf({ code, details })).toBe(fate));
