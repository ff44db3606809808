import type { ConfigMap, Secret } from '../../kube/objects.ts';
import { isAlreadyExists } from '../../kube/kube-error.ts';
import { configMaps, secrets } from '../../kube/resources.ts';
import type { JsonPatchOperation, KubeClient } from '../../kube/types.ts';
import type { SettingChange, SettingRef } from '../../planner/effects.ts';
import { settingKey } from '../../planner/observed.ts';
import { PauseError, RetryError, TerminalError } from '../access.ts';
import type { EffectOf, Operation, RunContext } from '../contract.ts';
import { operationAnnotation, operationMark, ownLabels, ownedByRun, pointer, runLabel } from '../marks.ts';
import { changeDocument, isAsWanted } from './document.ts';

type Place = Pick<SettingRef, 'object' | 'key'>;
type Store = ConfigMap | Secret;

function placeText({ object, key }: Place): string {
  return `${object.kind}/${object.name} key ${key}`;
}

function readStore(
  client: KubeClient,
  namespace: string,
  { object }: Place,
  signal: AbortSignal,
): Promise<Store | undefined> {
  const at = { namespace, name: object.name };
  return object.kind === 'Secret' ? client.find(secrets, at, signal) : client.find(configMaps, at, signal);
}

function valueOf(place: Place, store: Store): string | undefined {
  const stored = store.data?.[place.key];
  return stored === undefined || place.object.kind === 'ConfigMap'
    ? stored
    : Buffer.from(stored, 'base64').toString('utf8');
}

/** `missing`: the object is not there. A key that is not there is an empty document. */
export async function observeSettings(
  client: KubeClient,
  context: RunContext,
  changes: readonly SettingChange[],
  signal: AbortSignal,
): Promise<Map<string, 'as-wanted' | 'differs' | 'missing'>> {
  const stores = new Map<string, Promise<Store | undefined>>();
  const answers = changes.map(async (change) => {
    const name = `${change.object.kind}/${change.object.name}`;
    const reading = stores.get(name) ?? readStore(client, context.namespace, change, signal);
    stores.set(name, reading);
    const store = await reading;
    if (store === undefined) return [settingKey(change), 'missing'] as const;
    const text = valueOf(change, store);
    const wanted = text === undefined ? change.mode === 'remove' : isAsWanted(text, change);
    return [settingKey(change), wanted ? 'as-wanted' : 'differs'] as const;
  });
  return new Map(await Promise.all(answers));
}

/** The changes, one write per object and key. */
export async function applySettings(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'ApplySettings'>,
  signal: AbortSignal,
): Promise<void> {
  for (const [, changes] of Map.groupBy(effect.changes, placeText)) {
    const place = changes[0];
    if (place === undefined) continue;
    const store = await needStore(client, operation, place, signal);
    const before = valueOf(place, store);
    const after = changes.reduce(changeIn, before ?? '');
    const nothingToRemove = before === undefined && changes.every((change) => change.mode === 'remove');
    if (after !== before && !nothingToRemove) await writeKey(client, operation, { place, store, value: after }, signal);
  }
}

function changeIn(text: string, change: SettingChange): string {
  try {
    return changeDocument(text, change);
  } catch (error) {
    if (error instanceof TerminalError)
      throw new TerminalError(error.reason, `${placeText(change)}: ${error.message}`, { cause: error });
    throw error;
  }
}

async function needStore(client: KubeClient, operation: Operation, place: Place, signal: AbortSignal): Promise<Store> {
  const store = await readStore(client, operation.namespace, place, signal);
  if (store === undefined)
    throw new RetryError(
      'ObjectMissing',
      `${place.object.kind}/${place.object.name} does not exist; create it or abort the run`,
    );
  if (store.immutable === true)
    throw new PauseError(
      'ConfigImmutable',
      `${place.object.kind}/${place.object.name} is immutable; name one that can be changed`,
    );
  return store;
}

/** @param value undefined removes the key */
async function writeKey(
  client: KubeClient,
  operation: Operation,
  { place, store, value }: { readonly place: Place; readonly store: Store; readonly value: string | undefined },
  signal: AbortSignal,
): Promise<void> {
  const path = `/data${pointer(place.key)}`;
  const encoded =
    value !== undefined && place.object.kind === 'Secret' ? Buffer.from(value, 'utf8').toString('base64') : value;
  const patch: JsonPatchOperation[] = [
    { op: 'test', path: '/metadata/resourceVersion', value: store.metadata.resourceVersion },
    ...(store.data === undefined ? [{ op: 'add' as const, path: '/data', value: {} }] : []),
    encoded === undefined ? { op: 'remove', path } : { op: 'add', path, value: encoded },
    ...(store.metadata.annotations === undefined
      ? [{ op: 'add' as const, path: '/metadata/annotations', value: {} }]
      : []),
    { op: 'add', path: `/metadata/annotations${pointer(operationAnnotation)}`, value: operation.operation },
  ];
  const at = { namespace: operation.namespace, name: place.object.name };
  if (place.object.kind === 'Secret') await client.jsonPatch(secrets, at, patch, { signal });
  else await client.jsonPatch(configMaps, at, patch, { signal });
}

interface SavedValue extends Place {
  /** Absent: the key was not there. */
  readonly value?: string;
}

/** Whole values before, one Secret for all of them: what is restored later is exactly what was there. */
export async function saveSettings(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'SaveSettings'>,
  signal: AbortSignal,
): Promise<void> {
  const at = { namespace: operation.namespace, name: effect.name };
  const existing = await client.find(secrets, at, signal);
  if (existing !== undefined) {
    if (existing.metadata.labels?.[runLabel] === operation.run) return;
    throw new PauseError(
      'NameTaken',
      `Secret ${effect.name} exists and was not made by run ${operation.run}; delete or rename it`,
    );
  }
  const saved: SavedValue[] = [];
  for (const [, [setting]] of Map.groupBy(effect.settings, placeText)) {
    if (setting === undefined) continue;
    const value = valueOf(setting, await needStore(client, operation, setting, signal));
    saved.push({ object: setting.object, key: setting.key, ...(value === undefined ? {} : { value }) });
  }
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      ...at,
      labels: ownLabels(operation),
      annotations: operationMark(operation),
      ownerReferences: ownedByRun(operation),
    },
    type: 'Opaque',
    immutable: true,
    data: { before: Buffer.from(JSON.stringify(saved), 'utf8').toString('base64') },
  };
  try {
    await client.create(secrets, secret, { signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

/** The values before, key by key; a key that was not there goes again. */
export async function restoreSettings(
  client: KubeClient,
  operation: Operation,
  effect: EffectOf<'RestoreSettings'>,
  signal: AbortSignal,
): Promise<void> {
  const secret = await client.find(secrets, { namespace: operation.namespace, name: effect.name }, signal);
  if (secret === undefined)
    throw new PauseError(
      'SettingsMissing',
      `Secret ${effect.name} with the settings before is gone; put them back by hand`,
    );
  for (const saved of decodeSaved(secret)) {
    const store = await needStore(client, operation, saved, signal);
    if (valueOf(saved, store) !== saved.value)
      await writeKey(client, operation, { place: saved, store, value: saved.value }, signal);
  }
}

function decodeSaved(secret: Secret): SavedValue[] {
  try {
    const saved: unknown = JSON.parse(Buffer.from(secret.data?.['before'] ?? '', 'base64').toString('utf8'));
    if (Array.isArray(saved)) return saved as SavedValue[];
  } catch (error) {
    throw new TerminalError('SettingsUnreadable', `Secret ${secret.metadata.name} holds no saved settings`, {
      cause: error,
    });
  }
  throw new TerminalError('SettingsUnreadable', `Secret ${secret.metadata.name} holds no saved settings`);
}
