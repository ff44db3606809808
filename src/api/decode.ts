/** The only door from what the API server sends to typed objects. */
import * as z from 'zod';
import { TerminalError } from '../shared/errors.ts';
import { type Database, databaseKind } from './database.ts';
import { type Decision, decisionKind } from './decision.ts';
import type { ApiObject, KindDefinition, ObjectMeta } from './kind.ts';
import { type Package, packageKind } from './package.ts';
import { type Pool, poolKind } from './pool.ts';
import { type ProbeSuite, probeSuiteKind } from './probe-suite.ts';
import { type ServerGroup, serverGroupKind } from './server-group.ts';
import { type UpgradeRun, runFormat, upgradeRunKind } from './upgrade-run.ts';
import { type UpgradeSet, upgradeSetKind } from './upgrade-set.ts';

const maxIssues = 3;

const envelope = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.custom<ObjectMeta>(
    (value) => typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string',
  ),
  spec: z.unknown().optional(),
  status: z.unknown().optional(),
});

/**
 * Each fills in the defaults the API server would, and drops fields that are not in the schema.
 * A status may come from a newer controller: an enum value that is not known is read as Unknown where there is
 * such a value and as absent where the field is optional.
 * @throws TerminalError InvalidObject - names the object, the field and the next move
 */
export const decodePackage = (object: unknown): Package => decode(packageKind, object);
export const decodePool = (object: unknown): Pool => decode(poolKind, object);
export const decodeProbeSuite = (object: unknown): ProbeSuite => decode(probeSuiteKind, object);
export const decodeDatabase = (object: unknown): Database => decode(databaseKind, object);
export const decodeServerGroup = (object: unknown): ServerGroup => decode(serverGroupKind, object);
export const decodeUpgradeSet = (object: unknown): UpgradeSet => decode(upgradeSetKind, object);
export const decodeDecision = (object: unknown): Decision => decode(decisionKind, object);

/** @throws TerminalError InvalidObject, or UnsupportedFormat - made by a controller whose plans this one cannot read */
export function decodeUpgradeRun(object: unknown): UpgradeRun {
  const { metadata, spec } = open(upgradeRunKind, object);
  const format = z.object({ format: z.int() }).safeParse(spec);
  if (format.success && format.data.format !== runFormat) {
    throw new TerminalError(
      'UnsupportedFormat',
      `UpgradeRun "${metadata.name}" has spec.format ${format.data.format}, this controller reads ${runFormat}: run the controller version that made it`,
    );
  }
  return decode(upgradeRunKind, object);
}

function decode<Spec extends z.ZodType, Status extends z.ZodType>(
  kind: KindDefinition<Spec, Status>,
  object: unknown,
): ApiObject<z.output<Spec>, z.output<Status>> {
  const { apiVersion, metadata, spec, status } = open(kind, object);
  const parsedSpec = kind.spec.safeParse(spec);
  if (!parsedSpec.success) throw invalid(kind.kind, metadata.name, 'spec', parsedSpec.error);
  const decoded = { apiVersion, kind: kind.kind, metadata, spec: parsedSpec.data };
  if (status === undefined) return decoded;
  const parsedStatus = parseStatus(kind.status, status);
  if (!parsedStatus.success) throw invalid(kind.kind, metadata.name, 'status', parsedStatus.error);
  return { ...decoded, status: parsedStatus.data };
}

function open(kind: KindDefinition, object: unknown): z.output<typeof envelope> {
  const parsed = envelope.safeParse(object);
  if (!parsed.success) throw invalid(kind.kind, '', '', parsed.error);
  return parsed.data;
}

/** Parses again without the values it does not know, if these were the trouble. */
function parseStatus<Status extends z.ZodType>(
  schema: Status,
  status: unknown,
): z.ZodSafeParseResult<z.output<Status>> {
  const first = schema.safeParse(status);
  if (first.success || typeof status !== 'object' || status === null) return first;
  const tolerant = structuredClone(status);
  for (const issue of first.error.issues) {
    if (issue.code === 'invalid_value') forgetValue(tolerant, issue.path, issue.values.includes('Unknown'));
  }
  return schema.safeParse(tolerant);
}

function forgetValue(root: object, path: readonly PropertyKey[], hasUnknown: boolean): void {
  const last = path.at(-1);
  const parent = path.slice(0, -1).reduce<unknown>((at, key) => (isRecord(at) ? at[key] : undefined), root);
  if (last === undefined || !isRecord(parent)) return;
  if (hasUnknown) parent[last] = 'Unknown';
  else delete parent[last];
}

function isRecord(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null;
}

function invalid(kind: string, name: string, root: string, error: z.ZodError): TerminalError {
  const issues = error.issues.map(
    (issue) => `${fieldOf([...(root === '' ? [] : [root]), ...issue.path])}: ${told(issue)}`,
  );
  const shown = issues.slice(0, maxIssues).join('; ');
  const more = issues.length > maxIssues ? `; and ${issues.length - maxIssues} more` : '';
  return new TerminalError(
    'InvalidObject',
    `${kind} "${name}" is not valid: ${shown}${more}; mend it and apply it again`,
  );
}

/** As the API server writes it: spec.servers[0].name, spec.images[portal]. */
function fieldOf(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${String(part)}`))
    .join('');
}

/** YAML reads on, yes and 1.20 as something else than what was meant. */
function told(issue: z.core.$ZodIssue): string {
  const text = lowerFirst(issue.message);
  const isUnquoted =
    issue.code === 'invalid_type' && issue.expected === 'string' && /received (?:boolean|number)$/.test(text);
  return isUnquoted ? `${text}: quote it` : text;
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
