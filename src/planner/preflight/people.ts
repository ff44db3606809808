/** Checks that the plan itself answers. Source: 001-41 … 001-48, S-36. Pure. */
import type { Contact, RunPolicy, UpgradeRunSpec } from '../../api/upgrade-run.ts';
import { notMet, pass, type Finding } from './check.ts';

const wholeWindow: readonly Contact['role'][] = ['Lead', 'ApplicationAdministrator', 'LoadBalancerAdministrator'];
const onCall: readonly Contact['role'][] = [
  'ServerAdministrator',
  'DatabaseAdministrator',
  'NetworkAdministrator',
  'DirectoryAdministrator',
];

/** A lead and two administrators for the whole upgrade (001-41, 001-43); others in case of trouble are only missed (001-44). */
export function checkContacts({ contacts = [] }: Pick<RunPolicy, 'contacts'>): Finding {
  const has = (role: Contact['role']): boolean => contacts.some((one) => one.role === role);
  const away = wholeWindow.filter(
    (role) => !contacts.some((one) => one.role === role && one.available === 'WholeWindow'),
  );
  const missed = onCall.filter((role) => !has(role));
  const note = missed.length === 0 ? '' : `; nobody is named as ${missed.join(', ')}`;
  if (away.length > 0)
    return notMet(
      `nobody is named for the whole window as ${away.join(', ')}${note}`,
      `add ${away.length === 1 ? 'a contact' : 'contacts'} with role ${away.join(', ')} and available WholeWindow to spec.contacts of the UpgradeSet`,
    );
  const named = wholeWindow.map((role) => `${role} ${contacts.find((one) => one.role === role)?.name ?? ''}`);
  return pass(`${named.join(', ')}${note}`);
}

/** Nobody but a person can tell whether a line works (001-42). */
export function checkChannel({ contacts = [] }: Pick<RunPolicy, 'contacts'>): Finding {
  const leads = contacts
    .filter((one) => one.role === 'Lead')
    .map(({ name, via }) => (via === undefined ? name : `${name} (${via})`));
  const whom = leads.length === 0 ? 'the lead' : leads.join(', ');
  return notMet('nobody has said yet that the line works', `reach ${whom}, then create a Decision Attest`);
}

/** Some probe logs in with what a Secret holds (001-48). */
export function checkTestAccount({ suites }: Pick<UpgradeRunSpec, 'suites'>): Finding {
  const found = suites.flatMap((suite) =>
    suite.spec.probes
      .filter(({ http, job }) =>
        [...(http?.env ?? []), ...(job?.env ?? [])].some(({ secretKeyRef }) => secretKeyRef !== undefined),
      )
      .map(({ name }) => `${suite.name}/${name}`),
  );
  const [first] = found;
  if (first !== undefined) return pass(`probe ${first} logs in with a Secret`);
  return notMet(
    'no probe uses a Secret, so none logs in as a test user',
    'add a probe with env.secretKeyRef to the ProbeSuite, with the password of a test account',
  );
}

/** 2 + 2 servers behind a load balancer that checks health, or what it means that they are not (001-17, 001-31). */
export function checkTopology({ facts, groups }: Pick<UpgradeRunSpec, 'facts' | 'groups'>): Finding {
  const sizes = groups.map(({ servers }) => servers.length).join(' + ');
  if (facts['loadBalanced'] === 'Yes') return pass(`${sizes} servers, load balanced`);
  return notMet(
    `${sizes} servers: ${facts['interruption'] ?? 'users will notice'}`,
    'add servers and groups, or tell users of the interruption',
  );
}
