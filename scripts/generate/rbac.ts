import { stringify } from 'yaml';

/**
 * What the code needs, declared beside it. Sections are roles of their own, so that an installation can leave one out:
 * own: our kinds and events; watch: reads of users' objects; act: writes to them; cluster: cluster-wide reads;
 * persistentVolumes: what restoring a volume takes.
 */
export interface RbacNeed {
  readonly section: 'own' | 'watch' | 'act' | 'cluster' | 'persistentVolumes';
  readonly group: string;
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

const sections = ['own', 'watch', 'act', 'cluster', 'persistentVolumes'] as const;

/** The chart's `files/rbac-rules.yaml`: lists of PolicyRules by section. Rules that differ in resources only are joined. */
export function renderRbac(needs: readonly RbacNeed[]): string {
  const bySection = Object.fromEntries(
    sections.map((section) => [section, join(needs.filter((need) => need.section === section))]),
  );
  return `# Generated from src/controllers/rbac.ts by scripts/generate.ts; do not edit.\n${stringify(bySection, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

function join(needs: readonly RbacNeed[]): PolicyRule[] {
  const joined = new Map<string, PolicyRule>();
  for (const { group, resources, verbs, resourceNames } of needs) {
    const names = resourceNames === undefined ? undefined : [...resourceNames].toSorted();
    const sortedVerbs = [...new Set(verbs)].toSorted();
    const key = JSON.stringify([group, sortedVerbs, names]);
    const before = joined.get(key)?.resources ?? [];
    joined.set(key, {
      apiGroups: [group],
      resources: [...new Set([...before, ...resources])].toSorted(),
      ...(names === undefined ? {} : { resourceNames: names }),
      verbs: sortedVerbs,
    });
  }
  return [...joined.values()].toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
