/** `belay report`: the audit record of a run. */
import { stringify } from 'yaml';
import { computeAuditReport } from '../status/audit-report.ts';
import { createReadCommand } from './read-command.ts';
import { readUsage } from './read-run.ts';

const usage = `Usage: belay report RUN [options]

Prints the audit record of a run: who asked, what was planned and what happened when, who decided what with which
evidence, planned and actual minutes.

      --json            JSON instead of YAML
${readUsage}`;

export const report = createReadCommand({
  usage,
  options: { json: { type: 'boolean' } },
  tell({ run }, { json }) {
    const record = computeAuditReport(run);
    return json === true ? `${JSON.stringify(record, undefined, 2)}\n` : stringify(record);
  },
});
