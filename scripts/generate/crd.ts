import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { load, loadAll } from 'js-yaml';

/** One CEL rule of a schema. */
export interface CelRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
}

/** The part of an OpenAPI v3 schema that structural schemas of ours use. */
export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly 'x-kubernetes-validations'?: readonly CelRule[];
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly description: string;
  readonly jsonPath: string;
}

/** One custom resource definition with its only version. */
export interface Crd {
  /** File name without its ending, such as `failoverpair`. */
  readonly file: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly hasStatus: boolean;
  readonly columns: readonly PrinterColumn[];
  readonly schema: Schema;
}

interface Manifest {
  readonly spec: {
    readonly group: string;
    readonly names: {
      readonly kind: string;
      readonly plural: string;
      readonly singular: string;
      readonly shortNames: readonly string[];
      readonly categories: readonly string[];
    };
    readonly versions: readonly {
      readonly name: string;
      readonly subresources?: { readonly status?: object };
      readonly additionalPrinterColumns: readonly PrinterColumn[];
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

/** One admission policy, as far as people read it. */
export interface Policy {
  readonly name: string;
  /** What each of its rules says when it refuses. */
  readonly messages: readonly string[];
}

interface PolicyManifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly validations: readonly { readonly message: string }[] };
}

/** Reads every ValidatingAdmissionPolicy under `policies/`, in the order of their file names. */
export async function readPolicies(root: string): Promise<readonly Policy[]> {
  const folder = join(root, 'policies');
  const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort();
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  return texts
    .flatMap((text) => loadAll(text) as PolicyManifest[])
    .filter(({ kind }) => kind === 'ValidatingAdmissionPolicy')
    .map(({ metadata, spec }) => ({ name: metadata.name, messages: spec.validations.map(({ message }) => message) }));
}

/** Reads every definition under `crds/`, in the order of their file names. */
export async function readCrds(root: string): Promise<readonly Crd[]> {
  const folder = join(root, 'crds');
  const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort();
  return Promise.all(files.map(async (name) => readCrd(name, await readFile(join(folder, name), 'utf8'))));
}

function readCrd(filename: string, text: string): Crd {
  const { spec } = load(text, { filename }) as Manifest;
  const [version, ...others] = spec.versions;
  if (version === undefined || others.length > 0) throw new Error(`crds/${filename} must have exactly one version`);
  return {
    file: basename(filename, '.yaml'),
    group: spec.group,
    version: version.name,
    ...spec.names,
    hasStatus: version.subresources?.status !== undefined,
    columns: version.additionalPrinterColumns,
    schema: version.schema.openAPIV3Schema,
  };
}
