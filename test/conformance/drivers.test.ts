import { realChecks, simulatedChecks } from './check-harness.ts';
import { describeChecks } from './check-suite.ts';
import { realDatabaseHarness } from './database-harness.ts';
import { describeDatabases } from './database-suite.ts';
import { haproxyHarness } from './haproxy-harness.ts';
import { realHarness } from './real-harness.ts';
import { describeRebuilds } from './rebuild-suite.ts';
import { simHarness } from './sim-harness.ts';
import { describeGroups, describePools, describeSnapshots, describeWorkloads } from './suites.ts';

const real = { name: 'real driver', make: realHarness };
const simulated = { name: 'simulator', make: () => simHarness('service') };

describePools({ name: 'Service', make: realHarness });
describePools({ name: 'HAProxy', make: haproxyHarness });
describePools({ name: 'simulated Service', make: () => simHarness('service') });
describePools({ name: 'simulated HAProxy', make: () => simHarness('haproxy') });
describeDatabases({ name: 'Job', make: realDatabaseHarness });
for (const each of [real, simulated]) {
  describeWorkloads(each);
  describeGroups(each);
  describeSnapshots(each);
  describeRebuilds(each);
}
describeChecks('real driver', realChecks);
describeChecks('simulator', simulatedChecks);
