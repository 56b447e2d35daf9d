/** A kubeconfig of one cluster and one user, in the form that kubectl and every client library read (JSON is YAML). */
export interface Kubeconfig {
  readonly apiVersion: 'v1';
  readonly kind: 'Config';
  readonly clusters: readonly { readonly name: string; readonly cluster: { server: string; 'certificate-authority-data': string } }[];
  readonly users: readonly { readonly name: string; readonly user: { token: string } }[];
  readonly contexts: readonly { readonly name: string; readonly context: { cluster: string; user: string } }[];
  readonly 'current-context': string;
}

/** @param ca  PEM. */
export function kubeconfigFor(parts: {
  readonly url: string;
  readonly ca: string;
  readonly user: string;
  readonly token: string;
}): Kubeconfig {
  const name = 'hallkeeper';
  const ca = Buffer.from(parts.ca).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: parts.url, 'certificate-authority-data': ca } }],
    users: [{ name: parts.user, user: { token: parts.token } }],
    contexts: [{ name, context: { cluster: name, user: parts.user } }],
    'current-context': name,
  };
}
