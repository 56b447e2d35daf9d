import type { KubeClient } from '#lib/kube/client.ts';
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

/** The name by which the API server knows whoever calls; undefined where it does not say. */
export async function callerName(client: Pick<KubeClient, 'create'>, signal: AbortSignal): Promise<string | undefined> {
  const self = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview', metadata: { name: '' } };
  const { status } = await client.create(subjectReviews, self, signal);
  return status?.userInfo?.username;
}
