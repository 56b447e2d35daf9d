/** The plain JSON of the Kubernetes API. Timestamps stay texts: a Date would lose the six digits of a MicroTime. */

/** Who is responsible for an object's existence. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  /** Absent for cluster-scoped objects. */
  readonly namespace?: string;
  readonly uid?: string;
  /** Opaque: compared for equality only, never ordered. */
  readonly resourceVersion?: string;
  /** Counts changes of the spec; also raised when deletion begins. */
  readonly generation?: number;
  readonly creationTimestamp?: string;
  /** Present while the object waits for its finalizers. */
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly unknown[];
}

/** What every object has. Its own fields come from the type that extends this. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** An object whose fields nobody described. */
export type AnyObject = KubeObject & Readonly<Record<string, unknown>>;

/** Names one object of a resource. `namespace` is absent exactly for cluster-scoped resources. */
export interface ObjectKey {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** What the client must know of a resource to build its URLs. */
export interface ResourceType<T extends KubeObject = AnyObject> {
  /** Group and version, such as `apps/v1`, or `v1` for the core group. */
  readonly apiVersion: string;
  readonly kind: string;
  /** Lower-case plural, as in the URL. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** The server's words about such objects may quote their content: errors leave them out. For Secrets. */
  readonly confidential?: boolean;
  /** Checks an object from the server and throws when it is not of this shape. Absent: the server's schema is trusted. */
  readonly validate?: (object: KubeObject) => T;
}

export function defineResource<T extends KubeObject = AnyObject>(type: ResourceType<T>): ResourceType<T> {
  return Object.freeze({ ...type });
}

export interface KubeList<T extends KubeObject> {
  readonly items: readonly T[];
  /** Where a watch may start. */
  readonly resourceVersion: string;
  /** Present when there are more pages. */
  readonly continueToken?: string;
}

/** A change of the watched set. A bookmark only moves the resource version on. */
export type WatchEvent<T extends KubeObject> =
  { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T } | { readonly type: 'BOOKMARK'; readonly object: KubeObject };

export function keyOf(object: KubeObject): ObjectKey {
  const { name, namespace } = object.metadata;
  return namespace === undefined ? { name } : { namespace, name };
}

/** One text per key, for maps and queues: `namespace/name`, or `name` when cluster-scoped. Names cannot hold a slash. */
export function keyText({ namespace, name }: ObjectKey): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The key that `keyText` wrote. */
export function parseKey(text: string): ObjectKey {
  const slash = text.indexOf('/');
  return slash < 0 ? { name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}
