import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketEntries, bucketGet } from '#actors/domain/bucket-map.ts';
import { auditNetwork } from '#actors/services/network/audit.ts';
import { networkDefinition } from '#actors/services/network/entity.ts';
import { evolveNetwork } from '#actors/services/network/evolve.ts';
import type { NetworkCommand, SubnetRecord } from '#actors/services/network/protocol.ts';
import { defaultPools, prefixOf } from '#actors/services/network/subnet-plan.ts';
import { isRefusal } from '#runtime/message/refusal.ts';
import { type EntityRun, runEntity } from '../../run-entity.ts';

type Run = EntityRun<
  ReturnType<typeof networkDefinition.initial>,
  typeof networkDefinition.commands,
  typeof networkDefinition.events
>;
type Command<T extends NetworkCommand['type']> = Extract<NetworkCommand, { type: T }>;

let changes = 0;
const changeId = (): string => {
  changes += 1;
  return `change-${changes}`;
};

function createNetwork(): Command<'network.create'> {
  return {
    type: 'network.create',
    attributes: {
      name: 'n',
      description: '',
      projectId: 'red',
      adminUp: true,
      shared: false,
      external: false,
      portSecurity: true,
      mtu: 1500,
      providerType: 'local',
    },
    changeId: changeId(),
  };
}

function createSubnet(
  cidr: string,
  more: Partial<SubnetRecord> = {},
): Command<'network.create-subnet'> {
  const prefix = prefixOf(cidr);
  const gateway = prefix.version === 4 ? cidr.replace(/\d+\/\d+$/, '1') : undefined;
  const subnet: SubnetRecord = {
    id: `subnet-${cidr}`,
    name: '',
    description: '',
    projectId: 'red',
    version: prefix.version,
    cidr,
    ...(gateway === undefined ? {} : { gateway }),
    dhcp: true,
    pools: [...defaultPools(prefix, gateway)],
    dnsServers: [],
    hostRoutes: [],
    ...more,
  };
  return { type: 'network.create-subnet', subnet, changeId: changeId() };
}

function createPort(
  portId: string,
  more: Partial<Command<'network.create-port'>> = {},
): Command<'network.create-port'> {
  const number = Number(portId.replaceAll(/\D/g, '')) || 0;
  return {
    type: 'network.create-port',
    portId,
    projectId: 'red',
    attributes: {
      name: '',
      description: '',
      adminUp: true,
      deviceId: '',
      deviceOwner: '',
      securityGroups: [],
      portSecurity: true,
      addressPairs: [],
      vnicType: 'normal',
      host: '',
      profile: '{}',
    },
    ownedByDevice: false,
    tags: [],
    macs: [
      `fa:16:3e:00:${(number >> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`,
    ],
    changeId: changeId(),
    ...more,
  };
}

function network(...subnets: readonly string[]): Run {
  const run = runEntity(networkDefinition, 'net');
  run.send(createNetwork());
  for (const cidr of subnets) run.send(createSubnet(cidr));
  return run;
}

function addressesOf(run: Run, portId: string): readonly string[] {
  return (bucketGet(run.state.ports, portId)?.fixedIps ?? []).map((fixedIp) => fixedIp.address);
}

describe('addresses of new ports', () => {
  it('are each wanted once: the same one twice is refused', () => {
    const run = network('10.0.0.0/28');
    const twice = [{ address: '10.0.0.4' }, { address: '10.0.0.4' }];
    expect(run.refusal(createPort('p1', { addresses: twice }))).toEqual({
      refused: 'address-in-use',
      detail: { subnetId: 'subnet-10.0.0.0/28', address: '10.0.0.4' },
    });
  });

  it('are the lowest free ones, one per IP version', () => {
    const run = network('10.0.0.0/24', '10.0.1.0/24', 'fd00::/64');
    run.send(createPort('p1'));
    run.send(createPort('p2'));
    expect([addressesOf(run, 'p1'), addressesOf(run, 'p2')]).toEqual([
      ['10.0.0.2', 'fd00::1'],
      ['10.0.0.3', 'fd00::2'],
    ]);
    run.send({ type: 'network.delete-port', portId: 'p1', changeId: changeId() });
    run.send(createPort('p3'));
    expect(addressesOf(run, 'p3')).toEqual(['10.0.0.2', 'fd00::1']);
  });

  it('come from the next subnet when one is full, until all are', () => {
    const run = network('10.0.0.0/30', '10.0.1.0/30');
    run.send(createPort('p1'));
    run.send(createPort('p2'));
    expect([addressesOf(run, 'p1'), addressesOf(run, 'p2')]).toEqual([['10.0.0.2'], ['10.0.1.2']]);
    expect(run.refusal(createPort('p3'))).toEqual({
      refused: 'no-addresses',
      detail: { networkId: 'net' },
    });
  });

  it('a network without subnets gives none', () => {
    const run = network();
    run.send(createPort('p1'));
    expect(addressesOf(run, 'p1')).toEqual([]);
    const wanted = createPort('p2', { addresses: [{ address: '10.0.0.5' }] });
    expect(run.refusal(wanted).refused).toBe('no-subnets');
  });

  it('may be named by address, by subnet, or both', () => {
    const run = network('10.0.0.0/24', '10.0.1.0/24');
    run.send(
      createPort('p1', {
        addresses: [
          { subnetId: 'subnet-10.0.1.0/24' },
          { address: '10.0.0.2' },
          { subnetId: 'subnet-10.0.0.0/24', address: '10.0.0.9' },
          { subnetId: 'subnet-10.0.0.0/24' },
        ],
      }),
    );
    expect(addressesOf(run, 'p1')).toEqual(['10.0.0.2', '10.0.0.9', '10.0.1.2', '10.0.0.3']);
  });

  it.each([
    [{ address: '10.0.0.5' }, 'address-in-use'],
    [{ address: '10.0.0.1' }, 'address-in-use'],
    [{ address: '10.0.9.1' }, 'address-not-on-network'],
    [{ address: '10.0.0.0' }, 'address-not-on-network'],
    [{ address: 'fd00::9' }, 'address-automatic'],
    [{ address: 'nonsense' }, 'address-not-on-network'],
    [{ subnetId: 'subnet-10.0.0.0/24', address: '10.0.0.255' }, 'address-not-in-subnet'],
    [{ subnetId: 'elsewhere' }, 'subnet-not-on-network'],
    [{ subnetId: 'elsewhere', address: '10.0.0.9' }, 'subnet-not-on-network'],
  ])('%j is refused: %s', (request, refused) => {
    const run = network('10.0.0.0/24');
    run.send(createSubnet('fd00::/64', { raMode: 'slaac', addressMode: 'slaac' }));
    run.send(createPort('p1', { addresses: [{ address: '10.0.0.5' }] }));
    const events = run.events.length;
    expect(run.refusal(createPort('p2', { addresses: [request] })).refused).toBe(refused);
    expect(run.events.length).toBe(events);
  });

  it("the network's own devices may have the gateway's address", () => {
    const run = network('10.0.0.0/24');
    const router = createPort('p1', { addresses: [{ address: '10.0.0.1' }] });
    run.send({ ...router, attributes: { ...router.attributes, deviceOwner: 'network:dhcp' } });
    expect(addressesOf(run, 'p1')).toEqual(['10.0.0.1']);
  });

  it('automatic ones come with the subnet, follow the MAC, and go with the subnet', () => {
    const run = network('10.0.0.0/24');
    run.send(createPort('p1'));
    run.send(createSubnet('fd00::/64', { addressMode: 'slaac' }));
    run.send(createPort('p2', { macs: ['fa:16:3e:63:dd:e0'] }));
    expect(addressesOf(run, 'p1')).toEqual(['10.0.0.2', 'fd00::f816:3eff:fe00:1']);
    expect(addressesOf(run, 'p2')).toEqual(['10.0.0.3', 'fd00::f816:3eff:fe63:dde0']);
    const change = { type: 'network.change-port' as const, attributes: {}, changeId: changeId() };
    run.send({ ...change, portId: 'p1', mac: 'fa:16:3e:00:00:09' });
    expect(addressesOf(run, 'p1')).toEqual(['10.0.0.2', 'fd00::f816:3eff:fe00:9']);
    expect(auditNetwork(run.state)).toEqual([]);
    run.send({ type: 'network.delete-subnet', subnetId: 'subnet-fd00::/64', changeId: changeId() });
    expect([addressesOf(run, 'p1'), addressesOf(run, 'p2')]).toEqual([['10.0.0.2'], ['10.0.0.3']]);
    expect(auditNetwork(run.state)).toEqual([]);
  });
});

describe('MACs', () => {
  it('the first free candidate is taken; one that was named must be free', () => {
    const run = network();
    run.send(createPort('p1', { macs: ['fa:16:3e:00:00:01'] }));
    run.send(createPort('p2', { macs: ['fa:16:3e:00:00:01', 'fa:16:3e:00:00:02'] }));
    expect(bucketGet(run.state.ports, 'p2')?.mac).toBe('fa:16:3e:00:00:02');
    expect(run.refusal(createPort('p3', { macs: ['fa:16:3e:00:00:01'] }))).toEqual({
      refused: 'mac-in-use',
      detail: { networkId: 'net', mac: 'fa:16:3e:00:00:01' },
    });
    const both = ['fa:16:3e:00:00:01', 'fa:16:3e:00:00:02'];
    expect(run.refusal(createPort('p3', { macs: both })).refused).toBe('no-mac');
  });

  it('a bound port keeps its MAC', () => {
    const run = network();
    run.send(createPort('p1'));
    const change = { type: 'network.change-port' as const, portId: 'p1' };
    run.send({ ...change, attributes: { host: 'h' }, changeId: changeId() });
    const other = { ...change, attributes: {}, mac: 'fa:16:3e:00:00:09', changeId: changeId() };
    expect(run.refusal(other).refused).toBe('port-bound');
  });
});

describe('changed addresses', () => {
  it('what fits the new wish is kept, the rest is given back', () => {
    const run = network('10.0.0.0/24', '10.0.1.0/24');
    run.send(
      createPort('p1', {
        addresses: [{ address: '10.0.0.7' }, { subnetId: 'subnet-10.0.1.0/24' }],
      }),
    );
    const change = (addresses: Command<'network.change-port'>['addresses']): NetworkCommand => ({
      type: 'network.change-port',
      portId: 'p1',
      attributes: {},
      ...(addresses === undefined ? {} : { addresses }),
      changeId: changeId(),
    });
    run.send(change([{ subnetId: 'subnet-10.0.0.0/24' }]));
    expect(addressesOf(run, 'p1')).toEqual(['10.0.0.7']);
    run.send(change([{ address: '10.0.0.7' }, { subnetId: 'subnet-10.0.0.0/24' }]));
    expect(addressesOf(run, 'p1')).toEqual(['10.0.0.7', '10.0.0.2']);
    run.send(change([]));
    expect(addressesOf(run, 'p1')).toEqual([]);
    expect(auditNetwork(run.state)).toEqual([]);
  });
});

describe('subnets', () => {
  it('never overlap', () => {
    const run = network('10.0.0.0/24');
    expect(run.refusal(createSubnet('10.0.0.128/25', { id: 's2' }))).toEqual({
      refused: 'subnet-overlap',
      detail: { cidr: '10.0.0.128/25', networkId: 'net' },
    });
  });

  it('in use stay', () => {
    const run = network('10.0.0.0/24');
    run.send(createPort('p1'));
    const remove: NetworkCommand = {
      type: 'network.delete-subnet',
      subnetId: 'subnet-10.0.0.0/24',
      changeId: changeId(),
    };
    expect(run.refusal(remove).refused).toBe('subnet-in-use');
    run.send({ type: 'network.delete-port', portId: 'p1', changeId: changeId() });
    run.send({ ...remove, changeId: changeId() });
    expect(run.state.subnets).toEqual([]);
  });

  it('a gateway is in no pool, and no port has its address', () => {
    const run = network();
    const pools = [{ start: '10.0.0.10', end: '10.0.0.20' }];
    expect(run.refusal(createSubnet('10.0.0.0/24', { gateway: '10.0.0.15', pools })).refused).toBe(
      'gateway-in-pool',
    );
    run.send(createSubnet('10.0.0.0/24', { pools }));
    run.send(createPort('p1', { addresses: [{ address: '10.0.0.50' }] }));
    const change = (gateway: string | null): NetworkCommand => ({
      type: 'network.change-subnet',
      subnetId: 'subnet-10.0.0.0/24',
      changes: { gateway },
      changeId: changeId(),
    });
    expect(run.refusal(change('10.0.0.10')).refused).toBe('gateway-in-pool');
    expect(run.refusal(change('10.0.0.50')).refused).toBe('address-in-use');
    run.send(change('10.0.0.9'));
    expect(run.state.subnets[0]?.gateway).toBe('10.0.0.9');
    run.send(change(null));
    expect(run.state.subnets[0]).not.toHaveProperty('gateway');
  });

  it('changed pools leave out what is in use', () => {
    const run = network('10.0.0.0/24');
    run.send(createPort('p1', { addresses: [{ address: '10.0.0.50' }] }));
    run.send({
      type: 'network.change-subnet',
      subnetId: 'subnet-10.0.0.0/24',
      changes: { pools: [{ start: '10.0.0.50', end: '10.0.0.52' }] },
      changeId: changeId(),
    });
    run.send(createPort('p2'));
    expect(addressesOf(run, 'p2')).toEqual(['10.0.0.51']);
    run.send({ type: 'network.delete-port', portId: 'p1', changeId: changeId() });
    run.send(createPort('p3'));
    expect(addressesOf(run, 'p3')).toEqual(['10.0.0.50']);
    expect(auditNetwork(run.state)).toEqual([]);
  });
});

describe('devices', () => {
  it('a port goes to one device, and is freed or deleted with it', () => {
    const run = network('10.0.0.0/24');
    run.send(createPort('p1'));
    const made = createPort('p2', { ownedByDevice: true });
    run.send({ ...made, attributes: { ...made.attributes, deviceId: 's1' } });
    const attach: Command<'network.attach-port'> = {
      type: 'network.attach-port',
      portId: 'p1',
      deviceId: 's1',
      deviceOwner: 'compute:nova',
      changeId: changeId(),
    };
    run.send(attach);
    expect(run.refusal({ ...attach, deviceId: 's2', changeId: changeId() })).toEqual({
      refused: 'port-in-use',
      detail: { portId: 'p1', networkId: 'net', deviceId: 's1' },
    });
    const both = { deviceId: 's1', portIds: ['p1', 'p2', 'gone'] };
    run.send({ type: 'network.bind-ports', ...both, host: 'h1', changeId: changeId() });
    const hosts = [...bucketEntries(run.state.ports)].map(([, port]) => port.host);
    expect(hosts).toEqual(['h1', 'h1']);
    run.send({ type: 'network.release-ports', ...both, deviceId: 's2', changeId: changeId() });
    expect(run.state.ports.size).toBe(2);
    run.send({ type: 'network.release-ports', ...both, changeId: changeId() });
    expect(run.state.ports.size).toBe(1);
    expect(bucketGet(run.state.ports, 'p1')).toMatchObject({
      deviceId: '',
      deviceOwner: '',
      host: '',
      fixedIps: [{ address: '10.0.0.2' }],
    });
  });

  it('asked again for the same device, a port that was made is the answer', () => {
    const run = network('10.0.0.0/24');
    const made = createPort('p1', { ownedByDevice: true });
    const wanted = { ...made, attributes: { ...made.attributes, deviceId: 's1' } };
    run.send(wanted);
    const { length } = run.events;
    expect(run.send({ ...wanted, changeId: changeId() })).toEqual({});
    expect(run.events.length).toBe(length);
    expect(run.refusal({ ...createPort('p1'), changeId: changeId() }).refused).toBe('port-exists');
  });
});

describe('the network itself', () => {
  it('takes floating addresses along that stand for nothing, and stays for others', () => {
    const run = network('10.0.0.0/24');
    const floatingPort = (
      portId: string,
      floating?: Command<'network.create-port'>['floating'],
    ) => {
      const made = createPort(portId);
      const attributes = {
        ...made.attributes,
        deviceOwner: 'network:floatingip',
        deviceId: portId,
      };
      return { ...made, attributes, ...(floating === undefined ? {} : { floating }) };
    };
    run.send(floatingPort('p1'));
    run.send(floatingPort('p2', { portId: 'inside', address: '10.9.0.2', routerId: 'r' }));
    expect(run.refusal({ type: 'network.delete', changeId: changeId() })).toEqual({
      refused: 'network-in-use',
      detail: { networkId: 'net', portIds: ['p2'] },
    });
    run.send({ type: 'network.delete-port', portId: 'p2', changeId: changeId() });
    run.send({ type: 'network.delete', changeId: changeId() });
    expect(run.state).toMatchObject({ status: 'deleted', subnets: [] });
    expect([run.state.ports.size, run.state.addresses.size]).toEqual([0, 0]);
  });

  it('stays while it has ports, and then takes its subnets along', () => {
    const run = network('10.0.0.0/24');
    run.send(createPort('p1'));
    expect(run.refusal({ type: 'network.delete', changeId: changeId() })).toEqual({
      refused: 'network-in-use',
      detail: { networkId: 'net', portIds: ['p1'] },
    });
    run.send({ type: 'network.delete-port', portId: 'p1', changeId: changeId() });
    run.send({ type: 'network.delete', changeId: changeId() });
    expect(run.state).toMatchObject({ status: 'deleted', subnets: [] });
    expect(run.refusal(createPort('p2')).refused).toBe('network-not-found');
    expect(run.refusal(createNetwork()).refused).toBe('network-exists');
  });

  it("is not taken back from others' ports", () => {
    const run = network('10.0.0.0/24');
    const share = (shared: boolean): NetworkCommand => ({
      type: 'network.change',
      attributes: { shared },
      changeId: changeId(),
    });
    run.send(share(true));
    run.send(createPort('p1', { projectId: 'blue' }));
    expect(run.refusal(share(false)).refused).toBe('network-shared-in-use');
  });

  it('a change for another revision is refused, for any of its resources', () => {
    const run = network('10.0.0.0/24');
    run.send(createPort('p1'));
    const rename: NetworkCommand = {
      type: 'network.change',
      attributes: { name: 'm' },
      changeId: changeId(),
    };
    expect(run.refusal({ ...rename, ifRevision: 1 })).toEqual({
      refused: 'revision-mismatch',
      detail: { id: 'net', revision: 1 },
    });
    run.send({ ...rename, ifRevision: 2 });
    expect(run.state.revision).toBe(3);
    const remove = { type: 'network.delete-port' as const, portId: 'p1', changeId: changeId() };
    expect(run.refusal({ ...remove, ifRevision: 7 }).refused).toBe('revision-mismatch');
    run.send({ ...remove, ifRevision: 1 });
    expect(run.state.ports.size).toBe(0);
  });

  it('tags of all kinds are set, added and removed', () => {
    const run = network('10.0.0.0/24');
    run.send(createPort('p1'));
    const kinds = [
      ['network', 'net'],
      ['subnet', 'subnet-10.0.0.0/24'],
      ['port', 'p1'],
    ] as const;
    for (const [kind, id] of kinds)
      for (const [how, tags] of [
        ['set', ['b', 'a', 'b']],
        ['add', ['c']],
        ['remove', ['a', 'z']],
      ] as const)
        run.send({
          type: 'network.set-tags',
          kind,
          id,
          how,
          tags: [...tags],
          changeId: changeId(),
        });
    const found = [
      run.state.tags,
      run.state.subnets[0]?.tags,
      bucketGet(run.state.ports, 'p1')?.tags,
    ];
    expect(found).toEqual([
      ['b', 'c'],
      ['b', 'c'],
      ['b', 'c'],
    ]);
  });
});

it('a repeated change is answered as before, with no events', () => {
  const run = network('10.0.0.0/24');
  const commands: readonly NetworkCommand[] = [
    createPort('p1'),
    { type: 'network.change-port', portId: 'p1', attributes: { name: 'x' }, changeId: changeId() },
    { type: 'network.delete-port', portId: 'p1', changeId: changeId() },
    createSubnet('10.0.1.0/24'),
    { type: 'network.delete-subnet', subnetId: 'subnet-10.0.1.0/24', changeId: changeId() },
    { type: 'network.change', attributes: { name: 'm' }, changeId: changeId() },
    { type: 'network.delete', changeId: changeId() },
  ];
  for (const command of commands) {
    expect(run.send(command)).toEqual({});
    const before = run.state;
    expect(run.send(command)).toEqual({});
    expect(run.state).toBe(before);
  }
});

it('whatever is asked, no address or MAC is had twice and the books are right', () => {
  const portId = fc.integer({ min: 1, max: 12 }).map((number) => `p${number}`);
  const address = fc.integer({ min: 0, max: 15 }).map((last) => `10.0.0.${last}`);
  const request = fc.oneof(
    address.map((each) => ({ address: each })),
    fc.constant({ subnetId: 'subnet-10.0.0.0/28' }),
  );
  const wish = fc.option(fc.array(request, { maxLength: 3 }), { nil: undefined });
  const step = fc.record({
    kind: fc.constantFrom('create', 'change', 'delete', 'release', 'slaac', 'drop-slaac'),
    portId,
    wish,
    mac: fc.integer({ min: 0, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const run = network('10.0.0.0/28');
      for (const { kind, portId: id, wish: addresses, mac } of steps) {
        const wanted = addresses === undefined ? {} : { addresses };
        const macs = [`fa:16:3e:00:00:0${mac}`, `fa:16:3e:00:01:0${mac}`];
        const commands: Readonly<Record<typeof kind, NetworkCommand>> = {
          create: createPort(id, { ...wanted, macs, ownedByDevice: mac > 2 }),
          change: {
            type: 'network.change-port',
            portId: id,
            attributes: {},
            mac: macs[0] ?? '',
            ...wanted,
            changeId: changeId(),
          },
          delete: { type: 'network.delete-port', portId: id, changeId: changeId() },
          release: {
            type: 'network.release-ports',
            deviceId: '',
            portIds: [id],
            changeId: changeId(),
          },
          slaac: createSubnet('fd00::/64', { addressMode: 'slaac' }),
          'drop-slaac': {
            type: 'network.delete-subnet',
            subnetId: 'subnet-fd00::/64',
            changeId: changeId(),
          },
        };
        run.send(commands[kind]);
        expect(auditNetwork(run.state)).toEqual([]);
        const all = [...bucketEntries(run.state.ports)].flatMap(([, port]) =>
          port.fixedIps.map((fixedIp) => fixedIp.address),
        );
        expect(new Set(all).size).toBe(all.length);
      }
    }),
    { numRuns: 60 },
  );
});

it('a state that went through JSON goes on as if it had not', () => {
  const run = network('10.0.0.0/24', 'fd00::/64');
  for (let index = 1; index <= 40; index += 1) run.send(createPort(`p${index}`));
  const stored = JSON.parse(JSON.stringify(run.state)) as typeof run.state;
  expect(stored).toEqual(run.state);
  const command = createPort('p41');
  const facts = { nowMs: 5, requestId: 'req-1' };
  const outcomes = [run.state, stored].map((state) => {
    const outcome = networkDefinition.decide(state, command, facts);
    if (isRefusal(outcome)) throw new Error(outcome.refused);
    return outcome.events.reduce(evolveNetwork, state);
  });
  expect(outcomes[1]).toEqual(outcomes[0]);
});
