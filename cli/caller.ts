import type { KubeClient } from '#lib/kube/client.ts';
import { isKubeError } from '#lib/kube/errors.ts';
import type { KubeObject } from '#lib/kube/objects.ts';
import { defineResource } from '#lib/kube/objects.ts';

const subjectReviews = defineResource<SubjectReview>({
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  namespaced: false,
});

interface SubjectReview extends KubeObject {
  readonly status?: { readonly userInfo?: { readonly username?: string } };
}

/** On a PairOperation: who asked for it, by the name that the API server knew him by. For people; nothing rests on it. */
export const askedByAnnotation = 'hallkeeper.dev/asked-by';

/** The name by which the API server knows whoever calls; undefined where it does not say, or is too old to be asked. */
export async function callerName(client: Pick<KubeClient, 'create'>, signal: AbortSignal): Promise<string | undefined> {
  const self = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: { name: '' } };
  try {
    const { status } = await client.create(subjectReviews, self, signal);
    return status?.userInfo?.username;
  } catch (error) {
    // Nothing rests on the name, so no switchover fails for it.
    if (isKubeError(error, 'HK_KUBE_FORBIDDEN', 'HK_KUBE_NO_RESOURCE')) return undefined;
    throw error;
  }
}
