import type { Schema } from './crd.ts';

/** Types that every kind uses. */
export const sharedFile = `/** What names an object and describes its life. Timestamps stay texts. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** Opaque: compared for equality only, never ordered. */
  readonly resourceVersion: string;
  /** Counts changes of the spec; also raised when deletion begins. */
  readonly generation: number;
  readonly creationTimestamp: string;
  /** Present while the object waits for its finalizers. */
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly unknown[];
}

/** Who is responsible for an object's existence. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** The metadata that a manifest carries to the API server. */
export interface ManifestMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

/** One statement about an object, in the form that all of Kubernetes uses. */
export interface Condition {
  /** What is stated, in CamelCase. */
  readonly type: string;
  /** Whether it is so. */
  readonly status: 'True' | 'False' | 'Unknown';
  /** The generation of the spec that this was decided from. */
  readonly observedGeneration?: number;
  /** When the status last changed. */
  readonly lastTransitionTime: string;
  /** A documented constant in CamelCase that says why. */
  readonly reason: string;
  /** For people: what is the matter and what to do about it. */
  readonly message: string;
}

/** Names an object in the same namespace. */
export interface NameRef {
  readonly name: string;
}

/** Names one key of a Secret in the same namespace. */
export interface SecretKeyRef {
  readonly name: string;
  readonly key: string;
}
`;

const upper = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
const lower = (text: string): string => `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
const singular = (text: string): string => (text.endsWith('ies') ? `${text.slice(0, -3)}y` : text.replace(/s$/, ''));

/**
 * `read`   An object from the API server: what has a default is there.
 * `write`  A manifest: what has a default may be left out.
 */
type Side = 'read' | 'write';

/** Writes the types of one kind. Every object of the schema becomes an interface named after its path. */
export class TypeWriter {
  readonly #kind: string;
  readonly #declared = new Map<string, string>();

  constructor(kind: string) {
    this.#kind = kind;
  }

  root(schema: Schema, hasStatus: boolean): string {
    const kind = this.#kind;
    const { spec, status } = schema.properties ?? {};
    if (spec === undefined) throw new Error(`${kind} has no spec`);
    const specType = this.#object(`${kind}Spec`, spec, 'read');
    const specManifest = this.#object(`${kind}Spec`, spec, 'write');
    const statusType = status === undefined ? undefined : this.#object(`${kind}Status`, status, 'read');
    const described = docstring(schema.description, '');
    const head = `  readonly apiVersion: 'hallkeeper.dev/v1alpha1';\n  readonly kind: '${kind}';\n`;
    const statusLine = hasStatus && statusType !== undefined ? `  readonly status?: ${statusType};\n` : '';
    return [
      `${described}export interface ${kind} {\n${head}  readonly metadata: ObjectMeta;\n  readonly spec: ${specType};\n${statusLine}}\n`,
      `/** A ${kind} as it is sent to the API server: what has a default may be left out. */\n` +
        `export interface ${kind}Manifest {\n${head}  readonly metadata: ManifestMeta;\n  readonly spec: ${specManifest};\n}\n`,
      ...this.#declared.values(),
    ].join('\n');
  }

  #type(name: string, schema: Schema, side: Side): string {
    if (schema['x-kubernetes-int-or-string'] === true) return 'number | string';
    switch (schema.type) {
      case 'string':
        return schema.enum === undefined ? 'string' : this.#choice(name, schema);
      case 'integer':
      case 'number':
        return 'number';
      case 'boolean':
        return 'boolean';
      case 'array':
        return this.#list(name, schema, side);
      case 'object':
        return this.#objectOrMap(name, schema, side);
      case undefined:
      default:
        throw new Error(`${name} has a type that is not generated: ${String(schema.type)}`);
    }
  }

  #list(name: string, { items }: Schema, side: Side): string {
    if (items === undefined) throw new Error(`${name} is a list without items`);
    const item = this.#type(singular(name), items, side);
    return /[ |]/.test(item) ? `readonly (${item})[]` : `readonly ${item}[]`;
  }

  #objectOrMap(name: string, schema: Schema, side: Side): string {
    if (schema.additionalProperties !== undefined) {
      return `Readonly<Record<string, ${this.#type(singular(name), schema.additionalProperties, side)}>>`;
    }
    const fields = Object.keys(schema.properties ?? {}).join();
    if (fields === '') return 'Readonly<Record<string, never>>';
    if (fields === 'type,status,observedGeneration,lastTransitionTime,reason,message') return 'Condition';
    if (fields === 'name' && schema.required?.join() === 'name') return 'NameRef';
    if (fields === 'name,key' && schema.required?.join() === 'name,key') return 'SecretKeyRef';
    return this.#object(name, schema, side);
  }

  /** A constant with all values, in the order of the schema, and the type made of it. */
  #choice(name: string, { enum: values = [], description }: Schema): string {
    const constant = `${lower(name)}Values`;
    const listed = values.map((value) => `'${value}'`).join(', ');
    this.#declare(
      name,
      `${docstring(description, '')}export const ${constant} = [${listed}] as const;\nexport type ${name} = (typeof ${constant})[number];\n`,
    );
    return name;
  }

  #object(name: string, schema: Schema, side: Side): string {
    const own = side === 'write' && hasDefaults(schema) ? `${name}Manifest` : name;
    const path = name === `${this.#kind}Spec` ? this.#kind : name;
    const lines = Object.entries(schema.properties ?? {}).map(([field, child]) => {
      const present = schema.required?.includes(field) === true || (side === 'read' && child.default !== undefined);
      const type = this.#type(`${path}${upper(field)}`, child, side);
      return `${docstring(withDefault(child), '  ')}  readonly ${field}${present ? '' : '?'}: ${type};\n`;
    });
    this.#declare(own, `${docstring(schema.description, '')}export interface ${own} {\n${lines.join('')}}\n`);
    return own;
  }

  /** Two paths may lead to one name only when they mean the same. */
  #declare(name: string, text: string): void {
    const known = this.#declared.get(name);
    if (known !== undefined && known !== text) throw new Error(`${this.#kind}: two different types would be called ${name}`);
    this.#declared.set(name, text);
  }
}

function hasDefaults(schema: Schema): boolean {
  const children = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties];
  return children.some((child) => child !== undefined && (child.default !== undefined || hasDefaults(child)));
}

function withDefault({ description, default: value, type }: Schema): string | undefined {
  if (value === undefined || type === 'object') return description;
  return `${description ?? ''} Default: ${JSON.stringify(value).replaceAll('"', '')}.`;
}

const lineLength = 130;

/** A docstring of whole words, in lines that fit. */
function docstring(text: string | undefined, indent: string): string {
  if (text === undefined) return '';
  const one = `${indent}/** ${text} */\n`;
  if (one.length <= lineLength) return one;
  const lines: string[] = [];
  let line = `${indent} *`;
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > lineLength) {
      lines.push(line);
      line = `${indent} *`;
    }
    line += ` ${word}`;
  }
  return `${indent}/**\n${[...lines, line].join('\n')}\n${indent} */\n`;
}
