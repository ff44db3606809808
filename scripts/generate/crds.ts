import { stringify } from 'yaml';
import { type KindDefinition, apiGroup, apiVersion } from '../../src/api/kind.ts';
import { kinds } from '../../src/api/kinds.ts';
import { type JsonSchema, structuralSchema, withTopRulesOnly } from './structural.ts';

const header = '# Generated from src/api by scripts/generate.ts; do not edit.\n';

/** The whole schema of a kind, with the envelope of every Kubernetes object. */
export function openApiSchema(kind: KindDefinition): JsonSchema {
  return {
    description: kind.description,
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: `apiVersion is ${apiGroup}/${apiVersion}.` },
      kind: { type: 'string', description: `kind is ${kind.kind}.` },
      metadata: { type: 'object' },
      spec: kind.topRulesOnly === true ? withTopRulesOnly(structuralSchema(kind.spec)) : structuralSchema(kind.spec),
      status: structuralSchema(kind.status),
    },
    'x-kubernetes-validations': [
      {
        rule: `size(self.metadata.name) <= ${kind.maxNameLength}`,
        message: `metadata.name must have at most ${kind.maxNameLength} characters, because other names are made from it: choose a shorter one`,
      },
    ],
  };
}

function definition(kind: KindDefinition): object {
  const columns = kind.columns.map(({ name, type, jsonPath, description, priority }) => ({
    name,
    type,
    jsonPath,
    description,
    ...(priority === undefined ? {} : { priority }),
  }));
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${apiGroup}`, labels: { 'app.kubernetes.io/part-of': 'belay' } },
    spec: {
      group: apiGroup,
      scope: 'Namespaced',
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        shortNames: kind.shortNames.filter((name) => name !== kind.kind.toLowerCase()),
        categories: ['belay'],
      },
      versions: [
        {
          name: apiVersion,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [
            ...columns,
            {
              name: 'Age',
              type: 'date',
              jsonPath: '.metadata.creationTimestamp',
              description: 'Time since it was made',
            },
          ],
          ...(kind.selectableFields === undefined
            ? {}
            : { selectableFields: kind.selectableFields.map((jsonPath) => ({ jsonPath })) }),
          schema: { openAPIV3Schema: openApiSchema(kind) },
        },
      ],
    },
  };
}

/** The CustomResourceDefinitions as YAML, by file name. */
export function renderCrds(): Map<string, string> {
  const options = { lineWidth: 0, aliasDuplicateObjects: false };
  return new Map(kinds.map((kind) => [`${kind.plural}.yaml`, header + stringify(definition(kind), options)]));
}
