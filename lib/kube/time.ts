/** `2026-01-02T03:04:05Z`: metadata and conditions count whole seconds. */
export function kubeTime(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19)}Z`;
}

/** `2026-01-02T03:04:05.678000Z`: leases and events want exactly six digits, and refuse the three that a Date writes. */
export function microTime(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 23)}000Z`;
}
