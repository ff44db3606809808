import { expand } from '../../api/variables.ts';
import { TerminalError } from '../access.ts';

/**
 * Puts values into the texts of a Job.
 * @param field such as "spec.rebuild.reboot.job of ServerGroup group-1"
 * @param hint another way out, at the end of the message
 * @returns throws TerminalError for a variable without a value
 */
export function fillIn(field: string, hint = ''): (text: string, values: Readonly<Record<string, string>>) => string {
  return (text, values) => {
    const { text: filled, unset } = expand(text, values);
    if (unset.length === 0) return filled;
    throw new TerminalError(
      'VariableNotSet',
      `${field} uses ${unset.map((name) => `\${${name}}`).join(', ')}, which has no value here: take one of ${Object.keys(values).toSorted().join(', ')}${hint}`,
    );
  };
}
