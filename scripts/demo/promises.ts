import type { UpgradeResult, UpgradeStory } from './upgrade.ts';

/** What was promised and not kept, in sentences; empty when all is well. */
export function brokenPromises(good: UpgradeStory, bad: UpgradeStory): string[] {
  return [
    ...(good.result.phase === 'Completed' ? [] : [`the good release ended as ${good.result.phase}, not as Completed`]),
    ...(bad.result.phase === 'RolledBack' ? [] : [`the bad release ended as ${bad.result.phase}, not as RolledBack`]),
    ...(Object.hasOwn(bad.load.versions, '1.2.0') ? ['the bad release has served users'] : []),
    ...(Object.hasOwn(good.load.versions, '1.1.0') ? [] : ['the good release has served nobody']),
    ...brokenAlways('good', good.result),
    ...brokenAlways('bad', bad.result),
  ];
}

function brokenAlways(name: string, result: UpgradeResult): string[] {
  return [
    ...(result.requests > 0 ? [] : [`no request was made during the ${name} upgrade`]),
    ...(result.failed === 0
      ? []
      : [`${result.failed} of ${result.requests} requests failed during the ${name} upgrade`]),
    ...(result.acknowledgedWritesLost === 0
      ? []
      : [`${result.acknowledgedWritesLost} acknowledged writes were lost in the ${name} upgrade`]),
    ...(result.dataIdentical ? [] : [`the data of before the ${name} upgrade is not what it was`]),
  ];
}
