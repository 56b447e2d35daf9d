import { settingsKey } from '#agents/member/contract.ts';

/** The member's certificate in the decoded data of a settings Secret, in PEM; undefined when it is no such Secret. */
export function memberCertificateOf(data: Readonly<Record<string, string>>): string | undefined {
  try {
    const settings = JSON.parse(data[settingsKey] ?? 'null') as { readonly tls?: { readonly certificate?: unknown } } | null;
    const certificate = settings?.tls?.certificate;
    return typeof certificate === 'string' ? certificate : undefined;
  } catch {
    return undefined;
  }
}
