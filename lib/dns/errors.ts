import { defineErrors } from '#lib/base/errors.ts';

/** What can go wrong between us and a DNS server. Answers that a server gives are values, not errors. */
export const dnsErrors = defineErrors({
  HK_DNS_NAME_INVALID: { retry: 'never', says: 'this is not a DNS name' },
  HK_DNS_RECORD_INVALID: { retry: 'never', says: 'this record cannot be written' },
  HK_DNS_KEY_INVALID: { retry: 'never', says: 'the TSIG key is refused: it needs a DNS name and a secret in Base64' },
  HK_DNS_MESSAGE_INVALID: { retry: 'backoff', says: 'the DNS server sent a message that cannot be read' },
  HK_DNS_UNREACHABLE: { retry: 'backoff', says: 'the DNS server did not answer' },
  HK_DNS_REFUSED: { retry: 'backoff', says: 'the DNS server refused to answer' },
  HK_DNS_CONTENDED: { retry: 'backoff', says: 'others change the record faster than it can be looked at' },
  HK_DNS_NOT_YET: { retry: 'backoff', says: 'the DNS server has not taken the record yet' },
  HK_DNS_UNAUTHENTICATED: { retry: 'backoff', says: 'the answer of the DNS server is not signed by our key' },
});
