import { dnsLabel } from '#lib/base/dns-label.ts';
import { readFields } from '#lib/base/fields.ts';
import { readHttpSettings } from '#lib/http/http-settings.ts';
import type { HttpSettings } from '#lib/http/http-settings.ts';
import { coreLeaseTimes } from '#lib/kube/lease.ts';
import type { LeaseTimes } from '#lib/kube/lease.ts';
import { readTrustDomain } from '#lib/pki/trust-domain.ts';
import { readNotifySettings, readNotifyTarget } from './notify/settings.ts';
import type { NotifySettings, NotifyTarget } from './notify/settings.ts';

/** Settings of the operator, checked and complete. */
export interface OperatorSettings {
  /** Path. Absent: the service account of the pod we run in. */
  readonly kubeconfig: string | undefined;
  /** Namespaces that are looked after. Empty: all. */
  readonly namespaces: readonly string[];
  readonly trustDomain: string;
  /** Where /metrics, /-/healthy and /-/ready are served. */
  readonly http: HttpSettings;
  /** Where our Lease stands, and the claims of hall names. */
  readonly namespace: string;
  readonly lease: { readonly name: string; readonly times: LeaseTimes };
  /** Absent: Halls notify nobody through us. */
  readonly notify: (NotifySettings & { readonly target: NotifyTarget }) | undefined;
}

const httpPort = 9_443;
const hour = 3_600_000;

/**
 * Reads the content of `operator.yaml`.
 *
 * @throws HK_OPTIONS_INVALID  naming every problem.
 */
export function parseOperatorSettings(raw: unknown): OperatorSettings {
  const field = readFields(raw);
  const lease = field.group('lease', { optional: true });
  const ms = { min: 1, max: hour } as const;
  const namespace = field.text('namespace', { ...dnsLabel, fallback: 'hallkeeper-system' });
  const notify = field.has('notify') ? field.group('notify') : undefined;
  const settings: OperatorSettings = {
    kubeconfig: field.optionalText('kubeconfig', { pattern: /^\//, shape: 'an absolute path' }),
    namespaces: field.texts('namespaces', { max: 1_000, ...dnsLabel }),
    trustDomain: readTrustDomain(field),
    http: readHttpSettings(field.group('http', { optional: true }), httpPort),
    namespace,
    lease: {
      name: lease.text('name', { ...dnsLabel, fallback: 'hallkeeper-operator' }),
      times: {
        durationMs: lease.durationMs('duration', { ...ms, fallback: coreLeaseTimes.durationMs }),
        renewMaxMs: lease.durationMs('renewDeadline', { ...ms, fallback: coreLeaseTimes.renewMaxMs }),
        retryEveryMs: lease.durationMs('retryPeriod', { ...ms, fallback: coreLeaseTimes.retryEveryMs }),
      },
    },
    notify:
      notify === undefined
        ? undefined
        : { ...readNotifySettings(notify), target: readNotifyTarget(notify.group('secret', { optional: true }), namespace) },
  };
  const { durationMs, renewMaxMs, retryEveryMs } = settings.lease.times;
  if (durationMs % 1_000 !== 0) lease.problem('duration', 'must be whole seconds');
  if (durationMs <= renewMaxMs) lease.problem('renewDeadline', 'must be shorter than duration');
  if (renewMaxMs <= 2 * retryEveryMs) lease.problem('retryPeriod', 'must be less than half of renewDeadline');
  const twice = settings.namespaces.filter((name, index, all) => all.indexOf(name) !== index);
  if (twice.length > 0) field.problem('namespaces', `names ${twice.join(', ')} twice`);
  field.refuseProblems();
  return Object.freeze(settings);
}
