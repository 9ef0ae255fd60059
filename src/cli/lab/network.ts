// The wire between the machines: a bridge in a namespace of its own, a cable to each machine, and one to the machine that
// the lab runs on. Cuts are packet rules in the machines: what is cut is lost without an answer, as on a broken wire.
import { networkInterfaces } from 'node:os';
import { endNamespaces, openNamespaces } from './namespaces.ts';
import {
  type Cut,
  directoriesOf,
  type Lab,
  type LabMachine,
  libvirtPort,
  machinesOf,
  outsideOf,
  redisPort,
} from './plan.ts';
import { attempt, run } from './run.ts';
import { type Init, initOf, readCuts, saveInit } from './state.ts';

const WIRE = 'wire';
const BRIDGE = 'wire';
const DEVICE = 'eth0';
const FIRST_SUBNETS = '10.213';

/** The first three bytes of a network that this machine has no address in. */
export function freeSubnet(): string {
  const taken = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map(({ address }) => address.split('.').slice(0, 3).join('.')),
  );
  for (let third = 1; third < 255; third += 1) {
    const subnet = `${FIRST_SUBNETS}.${third}`;
    if (!taken.includes(subnet)) return subnet;
  }
  throw new Error(`${FIRST_SUBNETS}.0.0/16 has no free network: take other labs down`);
}

/** Makes the bridge, and this machine's end of it. */
export async function openWire(lab: Lab): Promise<void> {
  const { outside: directory } = directoriesOf(lab, WIRE);
  const wire = await openNamespaces({
    directory,
    script: [
      'ip link set lo up',
      `ip link add ${BRIDGE} type bridge forward_delay 0`,
      `ip link set ${BRIDGE} up`,
    ],
    onInit: (init) => saveInit(lab, WIRE, init),
  });
  const { device, address } = outsideOf(lab);
  await run([
    'ip',
    'link',
    'add',
    device,
    'type',
    'veth',
    'peer',
    'outside',
    'netns',
    `${wire.pid}`,
  ]);
  await plugIn(wire, 'outside');
  await run(['ip', 'addr', 'add', `${address}/24`, 'dev', device]);
  await run(['ip', 'link', 'set', device, 'up']);
}

/** All machines are within the wire's namespaces of processes, so that its end is theirs. */
export function wireOf(lab: Lab): Init {
  const wire = initOf(lab, WIRE);
  if (wire !== undefined) return wire;
  throw new Error('the lab has lost its wire: take it down and make it anew');
}

/** Everything in the lab ends, without being asked. */
export async function closeWire(lab: Lab): Promise<void> {
  const wire = initOf(lab, WIRE);
  // Before it goes by itself, since that happens some time after the processes' end.
  await attempt(['ip', 'link', 'del', outsideOf(lab).device]);
  if (wire !== undefined) await endNamespaces(wire);
}

export async function plugMachine(lab: Lab, machine: LabMachine, init: Init): Promise<void> {
  const wire = wireOf(lab);
  const port = `to-${machine.name}`;
  // What an earlier life of the machine has left, if the kernel has not taken it away yet.
  await attempt(inNetwork(wire, ['ip', 'link', 'del', port]));
  const peer = ['type', 'veth', 'peer', DEVICE, 'netns', `${init.pid}`];
  await run(['ip', 'link', 'add', port, 'netns', `${wire.pid}`, ...peer]);
  await plugIn(wire, port);
  await run(inNetwork(init, ['nft', '-f', '-']), { input: rulesOf(lab, machine) });
  await run(inNetwork(init, ['ip', 'addr', 'add', `${machine.address}/24`, 'dev', DEVICE]));
  await run(inNetwork(init, ['ip', 'link', 'set', DEVICE, 'up']));
}

async function plugIn(wire: Init, port: string): Promise<void> {
  await run(inNetwork(wire, ['ip', 'link', 'set', port, 'master', BRIDGE, 'up']));
}

/** Makes the machine's packet rules say what is cut now. */
export async function applyCuts(lab: Lab, machine: LabMachine): Promise<void> {
  const init = initOf(lab, machine.name);
  if (init !== undefined)
    await run(inNetwork(init, ['nft', '-f', '-']), { input: rulesOf(lab, machine) });
}

/**
 * Redis and libvirt know no passwords here, so that only those reach them who should: never users of this machine, who
 * have an address of the lab, too, and never compute members the store.
 */
function rulesOf(lab: Lab, machine: LabMachine): string {
  const addresses = (machines: readonly LabMachine[]): string =>
    machines.map(({ address }) => address).join(', ');
  const guarded =
    machine.kind === 'store'
      ? { port: redisPort, from: addresses([machine, ...machinesOf(lab, 'controller')]) }
      : { port: libvirtPort, from: addresses(machinesOf(lab, 'host')) };
  const cuts = readCuts(lab);
  const named = (pick: (cut: Cut) => string | undefined): string =>
    lab.machines
      .filter(({ name }) => cuts.some((cut) => pick(cut) === name))
      .map(({ address }) => address)
      .join(', ');
  const deafTo = named(({ from, to }) => (to === machine.name ? from : undefined));
  const drop = (which: string, list: string): string =>
    list === '' ? '' : `    ip ${which} { ${list} } drop\n`;
  const chain = (hook: string, rules: string): string =>
    `  chain ${hook} {\n    type filter hook ${hook} priority -300; policy accept;\n${rules}  }\n`;
  return [
    'table inet lab {}\ndelete table inet lab\ntable inet lab {\n',
    chain(
      'input',
      `${drop('saddr', deafTo)}    tcp dport ${guarded.port} ip saddr != { ${guarded.from} } drop\n`,
    ),
    chain('forward', drop('saddr', deafTo)),
    '}\n',
  ].join('');
}

const inNetwork = ({ pid }: Init, command: readonly string[]): readonly string[] => [
  'nsenter',
  '--target',
  String(pid),
  '--net',
  '--',
  ...command,
];
