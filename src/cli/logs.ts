/** `belay logs`: the deployment log of a run. */
import type { UpgradeRun } from '../api/upgrade-run.ts';
import { tellDeploymentLog } from '../status/deployment-log.ts';
import { createReadCommand } from './read-command.ts';
import { readUsage } from './read-run.ts';

const usage = `Usage: belay logs RUN [options]

Prints the deployment log of a run: its steps with what became of them, and for those that ran Jobs or failed what was
asked of whom, the command, the exit code, the server, and the end of the output. Values of Secrets are blanked.

      --step ID         this step only, such as database; the number of its row will do where no other has it
${readUsage}`;

export const logs = createReadCommand({
  usage,
  options: { step: { type: 'string' } },
  tell({ run, logs: kept, isPartial }, { step }) {
    const only = typeof step === 'string' ? findStep(run, step) : undefined;
    return `${tellDeploymentLog(run, kept, { only, isPartial }).join('\n')}\n`;
  },
});

/**
 * The id of the step that is named by its id, or by the number of its row where no other has it.
 * @throws RangeError there is none, or more than one
 */
function findStep({ metadata, spec }: UpgradeRun, wanted: string): string {
  const ids = spec.steps.map(({ id }) => id);
  if (ids.includes(wanted)) return wanted;
  const [found, ...others] = spec.steps.filter(({ number }) => number === wanted).map(({ id }) => id);
  if (found === undefined)
    throw new RangeError(`run ${metadata.name} has no step ${wanted}; there are ${ids.join(', ')}`);
  if (others.length > 0)
    throw new RangeError(
      `several steps of run ${metadata.name} are number ${wanted}: name ${[found, ...others].join(' or ')}`,
    );
  return found;
}
