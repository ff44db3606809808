import { addresses, clusterId, slots } from './layout.ts';
import { CommandError, run, tryRun } from './process.ts';

/**
 * Makes the network namespace of a cluster and one cable to it.
 * Pod and Service addresses exist inside only; outside they are unreachable, so that no request to them leaves
 * the machine by the default route.
 * @returns the slot, which decides the addresses
 * @throws Error when all slots are taken
 */
export async function createNetwork(name: string, onSlot: (slot: number) => void): Promise<number> {
  const slot = await claimSlot(onSlot);
  const { outside, node, pods, services } = addresses(slot);
  const id = clusterId(name);
  const [outer, inner] = [`blo${slot}`, `bli${slot}`];
  const inside = (...argv: string[]) => run(['nsenter', `--net=/run/netns/${id}`, ...argv]);

  await run(['ip', 'route', 'add', 'unreachable', pods]);
  await run(['ip', 'netns', 'add', id]);
  await run(['ip', 'link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', id]);
  await run(['ip', 'address', 'add', `${outside}/30`, 'dev', outer]);
  await run(['ip', 'link', 'set', outer, 'up']);
  await inside('ip', 'link', 'set', 'lo', 'up');
  await inside('ip', 'address', 'add', `${node}/30`, 'dev', inner);
  await inside('ip', 'link', 'set', inner, 'up');
  // Lets the node itself send to Services: the address is looked up before it is translated.
  await inside('ip', 'route', 'add', services, 'dev', inner, 'src', node);
  await inside('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0');
  // Pods reach what listens on the machine's end of the cable; without this the answers could not come back.
  const nat = `table ip belay { chain out { type nat hook postrouting priority srcnat; ip saddr ${pods} oifname "${inner}" masquerade; }; }`;
  await inside('nft', nat);
  return slot;
}

/** Takes the first free slot; adding the route is atomic, so two clusters that start together differ. */
async function claimSlot(onSlot: (slot: number) => void): Promise<number> {
  for (let slot = 0; slot < slots; slot++) {
    const { code, stdout, stderr } = await tryRun(['ip', 'route', 'add', 'unreachable', addresses(slot).services]);
    if (code === 0) {
      onSlot(slot);
      return slot;
    }
    if (!stderr.includes('File exists')) throw new CommandError(['ip', 'route', 'add'], { code, stdout, stderr });
  }
  throw new Error(`all ${slots} address ranges are in use: is there a cluster that was not taken down?`);
}

/** Undoes `createNetwork`, whatever part of it happened. */
export async function removeNetwork(name: string, slot: number | undefined): Promise<void> {
  // Errors mean that it is gone already. The cable disappears with the namespace.
  await tryRun(['ip', 'netns', 'delete', clusterId(name)]);
  if (slot === undefined) return;
  const { pods, services } = addresses(slot);
  await tryRun(['ip', 'link', 'delete', `blo${slot}`]);
  await tryRun(['ip', 'route', 'delete', 'unreachable', pods]);
  await tryRun(['ip', 'route', 'delete', 'unreachable', services]);
}
