/** `belay logs`: the deployment log of a run. */
import { tellDeploymentLog } from '../status/deployment-log.ts';
import { readCommand } from './read-command.ts';
import { readUsage } from './read-run.ts';

const usage = `Usage: belay logs RUN [options]

Prints the deployment log of a run: its steps with what became of them, and for those that ran Jobs or failed what was
asked of whom, the command, the exit code, the server, and the end of the output. Values of Secrets are blanked.

      --step ID         this step only, such as database
${readUsage}`;

/** @param args what follows `belay logs` */
export function logs(
  args: readonly string[],
  write: (text: string) => void,
  complain: (text: string) => void = write,
): Promise<number> {
  return readCommand(
    {
      usage,
      options: { step: { type: 'string' } },
      tell({ run, logs: kept }, { step }) {
        const ids = run.spec.steps.map(({ id }) => id);
        if (typeof step === 'string' && !ids.includes(step))
          throw new RangeError(`run ${run.metadata.name} has no step ${step}; there are ${ids.join(', ')}`);
        return `${tellDeploymentLog(run, kept, typeof step === 'string' ? step : undefined).join('\n')}\n`;
      },
    },
    args,
    write,
    complain,
  );
}
