const label = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';

/** A DNS-1123 label, as halls, terminals, members and namespaces are named; options of `Fields.text` and `texts`. */
export const dnsLabel = {
  pattern: new RegExp(`^${label}$`),
  shape: 'a name of at most 63 lower-case letters, digits and hyphens',
} as const;

/** Labels with single dots between them, at most 253 characters. */
export const dnsName = {
  pattern: new RegExp(`^(?=.{1,253}$)${label}(\\.${label})*$`),
  shape: 'a DNS name in lower case',
} as const;
