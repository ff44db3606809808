/**
 * What people were told of a run, kept in one ConfigMap that the run owns.
 *
 * Not in the status of the run and not on the run itself: both have one writer, whose every journal entry is written
 * under the version it read last. A second writer there would make each message a conflict, and hold up the run.
 */
import * as z from 'zod';
import type { RunContext } from '../drivers/contract.ts';
import { ownLabels, ownedByRun } from '../drivers/marks.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../kube/kube-error.ts';
import type { ConfigMap } from '../kube/objects.ts';
import { configMaps } from '../kube/resources.ts';
import type { KubeClient } from '../kube/types.ts';
import type { Told } from '../status/messages.ts';

/** By the Secret of the line. */
export type ToldByLine = Readonly<Record<string, Told>>;

export interface ToldRecord {
  /** Undefined: there is none yet. */
  readonly version: string | undefined;
  readonly told: ToldByLine;
}

export interface ToldStore {
  read(context: RunContext, signal: AbortSignal): Promise<ToldRecord>;
  /** Writes the lines named, over what was read. @returns undefined where somebody else has written: read again */
  write(
    context: RunContext,
    record: ToldRecord,
    changed: readonly string[],
    signal: AbortSignal,
  ): Promise<ToldRecord | undefined>;
}

const toldSchema = z.record(z.string(), z.string());

export function createToldStore(client: KubeClient): ToldStore {
  const at = ({ namespace, run }: RunContext) => ({ namespace, name: `belay-told-${run}` });
  return {
    async read(context, signal) {
      const found = await client.find(configMaps, at(context), signal);
      // One of a run of the same name that was deleted is about to go.
      const isOurs = found?.metadata.ownerReferences?.some(({ uid }) => uid === context.runUID) === true;
      if (found === undefined || !isOurs) return { version: undefined, told: {} };
      const lines = Object.entries(found.data ?? {}).map(([line, text]) => [line, parse(text)] as const);
      return { version: found.metadata.resourceVersion, told: Object.fromEntries(lines) };
    },
    async write(context, { version, told }, changed, signal) {
      const data = Object.fromEntries(changed.map((line) => [line, JSON.stringify(told[line] ?? {})]));
      try {
        const stored =
          version === undefined
            ? await client.create<ConfigMap>(configMaps, newRecord(context, at(context), data), { signal })
            : await client.mergePatch<ConfigMap>(
                configMaps,
                at(context),
                { metadata: { resourceVersion: version }, data },
                { signal },
              );
        return { version: stored.metadata.resourceVersion, told };
      } catch (error) {
        if (isConflict(error) || isAlreadyExists(error) || isNotFound(error)) return undefined;
        throw error;
      }
    },
  };
}

function newRecord(
  context: RunContext,
  at: { readonly namespace: string; readonly name: string },
  data: Record<string, string>,
): ConfigMap {
  const metadata = { ...at, labels: ownLabels(context), ownerReferences: ownedByRun(context) };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
}

/** What somebody has broken counts as nothing told. */
function parse(text: string): Told {
  try {
    return toldSchema.parse(JSON.parse(text));
  } catch {
    return {};
  }
}
