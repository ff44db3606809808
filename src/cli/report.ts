/** `belay report`: the audit record of a run. */
import { stringify } from 'yaml';
import { computeAuditReport } from '../status/audit-report.ts';
import { readCommand } from './read-command.ts';
import { readUsage } from './read-run.ts';

const usage = `Usage: belay report RUN [options]

Prints the audit record of a run: who asked, what was planned and what happened when, who decided what with which
evidence, planned and actual minutes.

      --json            JSON instead of YAML
${readUsage}`;

/** @param args what follows `belay report` */
export function report(
  args: readonly string[],
  write: (text: string) => void,
  complain: (text: string) => void = write,
): Promise<number> {
  return readCommand(
    {
      usage,
      options: { json: { type: 'boolean' } },
      tell({ run }, { json }) {
        const record = computeAuditReport(run);
        return json === true ? `${JSON.stringify(record, undefined, 2)}\n` : stringify(record);
      },
    },
    args,
    write,
    complain,
  );
}
