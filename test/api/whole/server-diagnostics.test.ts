// Diagnostics of a server, in both forms, through every layer.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restingServers } from '#test/integration/cloud/traffic.ts';
import { WholeCloud } from './whole-cloud.ts';

let cloud: WholeCloud;
let id = '';
const WITHIN_MS = 30_000;

beforeAll(async () => {
  cloud = await WholeCloud.start();
  id = await cloud.bootServer(WITHIN_MS);
});

afterAll(async () => {
  await cloud?.stop();
});

const look = (version: string, client = cloud.admin) =>
  client.call('GET', `/compute/v2.1/servers/${id}/diagnostics`, undefined, version);

describe('diagnostics', () => {
  it('are numbers by name until 2.47', async () => {
    const { status, body } = await look('2.47');
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        cpu0_time: 0,
        vda_read_req: 0,
        vda_read: 0,
        vda_write_req: 0,
        vda_write: 0,
        vda_errors: -1,
        vnet0_rx: 0,
        vnet0_rx_errors: 0,
        vnet0_rx_drop: 0,
        vnet0_rx_packets: 0,
        vnet0_tx: 0,
        vnet0_tx_errors: 0,
        vnet0_tx_drop: 0,
        vnet0_tx_packets: 0,
        memory: expect.any(Number),
        'memory-rss': 0,
      },
    });
  });

  it('have one shape from 2.48', async () => {
    const { status, body } = await look('2.48');
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        state: 'running',
        driver: 'libvirt',
        hypervisor: 'qemu',
        hypervisor_os: 'linux',
        uptime: expect.any(Number),
        config_drive: false,
        num_cpus: 1,
        num_nics: 1,
        num_disks: 1,
        memory_details: { maximum: expect.any(Number), used: 0 },
        cpu_details: [{ id: 0, time: 0, utilisation: null }],
        disk_details: [
          {
            read_bytes: 0,
            read_requests: 0,
            write_bytes: 0,
            write_requests: 0,
            errors_count: null,
          },
        ],
        nic_details: [
          {
            mac_address: expect.stringMatching(/^fa:16:3e:/),
            rx_octets: 0,
            rx_errors: 0,
            rx_drop: 0,
            rx_packets: 0,
            rx_rate: null,
            tx_octets: 0,
            tx_errors: 0,
            tx_drop: 0,
            tx_packets: 0,
            tx_rate: null,
          },
        ],
      },
    });
  });

  it('are for administrators, and of servers that run', async () => {
    expect((await look('2.48', cloud.demo)).status).toBe(403);
    const path = `/compute/v2.1/servers/${id}/action`;
    expect((await cloud.demo.call('POST', path, { 'os-stop': null })).status).toBe(202);
    await restingServers(cloud.demo, WITHIN_MS);
    expect(await look('2.48')).toMatchObject({
      status: 409,
      body: {
        conflictingRequest: {
          message: `Cannot 'get_diagnostics' instance ${id} while it is in power state shutdown`,
        },
      },
    });
  });
});
