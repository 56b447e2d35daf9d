import { defineErrors, HallkeeperError } from '#lib/base/errors.ts';
import type { ErrorKind } from '#lib/base/errors.ts';

const kinds = {
  HK_KUBE_UNREACHABLE: { retry: 'backoff', says: 'the API server did not answer' },
  HK_KUBE_DEADLINE: { retry: 'backoff', says: 'the API server did not answer in time' },
  HK_KUBE_GARBLED: { retry: 'backoff', says: 'the answer of the API server cannot be read' },
  HK_KUBE_CREDENTIALS: { retry: 'backoff', says: 'the credentials for the API server cannot be read' },
  HK_KUBE_UNAUTHORIZED: { retry: 'backoff', says: 'the API server does not accept our credentials' },
  HK_KUBE_FORBIDDEN: { retry: 'backoff', says: 'the API server refuses us this permission' },
  HK_KUBE_BUSY: { retry: 'backoff', says: 'the API server has too many requests' },
  HK_KUBE_SERVER: { retry: 'backoff', says: 'the API server failed' },
  HK_KUBE_NO_RESOURCE: { retry: 'backoff', says: 'this address of the API server leads nowhere; are the definitions (crds/) installed?' },
  HK_KUBE_NOT_FOUND: { retry: 'reread', says: 'there is no such object' },
  HK_KUBE_EXISTS: { retry: 'reread', says: 'an object of this name exists already' },
  HK_KUBE_CONFLICT: { retry: 'reread', says: 'the object changed after it was read, or another manager owns the field' },
  HK_KUBE_EXPIRED: { retry: 'reread', says: 'the resource version is too old, list again' },
  HK_KUBE_REFUSED: { retry: 'never', says: 'the API server refuses the object or the request' },
} as const satisfies Record<string, ErrorKind>;

export type KubeErrorCode = keyof typeof kinds;

/** Errors that no single request causes, and the whole list for the handbook. */
export const kubeErrors = defineErrors({
  ...kinds,
  HK_KUBE_NAME: { retry: 'never', says: 'no object can have this name' },
  HK_KUBE_CONFIG: { retry: 'never', says: 'the kubeconfig cannot be used' },
});

/** One reason of a refusal, as `details.causes` of a Status. */
export interface StatusCause {
  readonly reason: string;
  /** Path of the field, or the manager that owns it. */
  readonly field: string;
  readonly message: string;
}

export interface KubeErrorFields {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** `reason` of the Status, such as `AlreadyExists`; empty when there was none. */
  readonly reason: string;
  readonly causes: readonly StatusCause[];
  /** What the server asked us to wait, if it did; never more than `retryAfterMaxMs`. */
  readonly retryAfterMs?: number | undefined;
  /** `get`, `list`, `watch`, `create`, `update`, `delete`, `patch`, `apply`. */
  readonly verb: string;
  /** Plural and subresource, such as `configmaps` or `leases/status`. */
  readonly resource: string;
}

/** However long a server, or something in between, asks us to wait: an hour would mean an hour of stale stores and idle controllers. */
export const retryAfterMaxMs = 60_000;

/** A request that failed. Small on purpose: no header, no body, no token. */
export class KubeError extends HallkeeperError implements KubeErrorFields {
  declare readonly code: KubeErrorCode;
  readonly status: number;
  readonly reason: string;
  readonly causes: readonly StatusCause[];
  readonly retryAfterMs: number | undefined;
  readonly verb: string;
  readonly resource: string;

  constructor(code: KubeErrorCode, fields: KubeErrorFields, detail: string, options?: ErrorOptions) {
    super(code, kinds[code], detail, options);
    this.status = fields.status;
    this.reason = fields.reason;
    this.causes = fields.causes;
    this.retryAfterMs = fields.retryAfterMs;
    this.verb = fields.verb;
    this.resource = fields.resource;
  }
}

/** Which request an error is about. */
export interface RequestLabel {
  readonly verb: string;
  readonly resource: string;
  /** `namespace/name`, or the namespace, or empty. */
  readonly target: string;
  readonly confidential: boolean;
}

/** The error of an answer that is not a success. `body` is a Status, or whatever a proxy sent; `retryAfter` the header. */
export function statusError(label: RequestLabel, httpStatus: number, body: unknown, retryAfter?: string): KubeError {
  const status = readStatus(body);
  const code = status.code || httpStatus;
  const seconds = Number(retryAfter ?? status.retryAfterSeconds);
  const fields: KubeErrorFields = {
    status: code,
    reason: status.reason,
    causes: label.confidential ? status.causes.map((cause) => ({ ...cause, message: '' })) : status.causes,
    retryAfterMs: Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1_000, retryAfterMaxMs) : undefined,
    verb: label.verb,
    resource: label.resource,
  };
  const says = label.confidential || status.message === '' ? '' : `: ${status.message}`;
  return new KubeError(codeOfStatus(code, status.reason), fields, `${describe(label)}, ${code} ${status.reason}`.trimEnd() + says);
}

/** The error of a request that got no answer, or half of one. */
export function transportError(
  code: 'HK_KUBE_UNREACHABLE' | 'HK_KUBE_DEADLINE' | 'HK_KUBE_GARBLED' | 'HK_KUBE_CREDENTIALS',
  label: RequestLabel,
  detail: string,
  cause?: unknown,
): KubeError {
  const fields = { status: 0, reason: '', causes: [], verb: label.verb, resource: label.resource };
  return new KubeError(code, fields, `${describe(label)}${detail === '' ? '' : `, ${detail}`}`, cause === undefined ? {} : { cause });
}

/**
 * The error of a JSON patch that tests what it was computed from. The API server answers 422 to a test that fails, as to an object
 * that it refuses; but a refusal names its causes, and a test that fails has none.
 *
 * @returns HK_KUBE_CONFLICT for the failed test; any other error as it is.
 */
export function asFailedTest(error: unknown): unknown {
  if (!isKubeError(error, 'HK_KUBE_REFUSED') || error.status !== 422 || error.causes.length > 0) return error;
  return new KubeError('HK_KUBE_CONFLICT', error, 'a test of the patch failed', { cause: error });
}

/** Whether an error is this answer of the API server. */
export function isKubeError(error: unknown, ...codes: readonly KubeErrorCode[]): error is KubeError {
  return error instanceof KubeError && (codes.length === 0 || codes.includes(error.code));
}

function codeOfStatus(status: number, reason: string): KubeErrorCode {
  if (status === 401) return 'HK_KUBE_UNAUTHORIZED';
  if (status === 403) return 'HK_KUBE_FORBIDDEN';
  // Absence is concluded from it, so it must be said by the API server about an object: a proxy, and a kind that is not installed, answer
  // 404 without this reason.
  if (status === 404) return reason === 'NotFound' ? 'HK_KUBE_NOT_FOUND' : 'HK_KUBE_NO_RESOURCE';
  if (status === 409) return reason === 'AlreadyExists' ? 'HK_KUBE_EXISTS' : 'HK_KUBE_CONFLICT';
  if (status === 410) return 'HK_KUBE_EXPIRED';
  if (status === 429) return 'HK_KUBE_BUSY';
  return status >= 500 || status < 400 ? 'HK_KUBE_SERVER' : 'HK_KUBE_REFUSED';
}

function describe({ verb, resource, target }: RequestLabel): string {
  return target === '' ? `${verb} ${resource}` : `${verb} ${resource} ${target}`;
}

/** Texts from the server are cut at this many characters, and causes at `causesMax`. */
const textMax = 1_000;
const causesMax = 20;

function readStatus(body: unknown): {
  code: number;
  reason: string;
  message: string;
  retryAfterSeconds: unknown;
  causes: readonly StatusCause[];
} {
  const status = asRecord(body);
  const details = asRecord(status['details']);
  const causes = Array.isArray(details['causes']) ? (details['causes'] as readonly unknown[]).slice(0, causesMax).map(asRecord) : [];
  return {
    code: typeof status['code'] === 'number' ? status['code'] : 0,
    reason: asText(status['reason']),
    message: asText(status['message']),
    retryAfterSeconds: details['retryAfterSeconds'],
    causes: causes.map((cause) => ({
      reason: asText(cause['reason']),
      field: asText(cause['field']),
      message: asText(cause['message']),
    })),
  };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, textMax) : '';
}
