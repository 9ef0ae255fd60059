// GET /allocation_candidates over 10 000 compute hosts, limit 1 000, from the request to the last byte of the reply: hosts
// that all fit, a cloud so full that most are looked at in vain, and groups with traits of their own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Connection } from './http.ts';
import { ms, quantile, type Row } from './table.ts';

const LIMIT = 1_000;
const WARM = 50;
const ROUNDS = 500;
const BAR_MS = 30;
/** As the launcher starts the product. */
const FLAGS = ['--max-semi-space-size=16', '--v8-pool-size=1', '--heap-growing-percent=60'];

const ask = 'resources=VCPU:2,MEMORY_MB:2048,DISK_GB:20';
const queries: Readonly<Record<string, string>> = {
  'all fit': `${ask}&required=HW_CPU_X86_AVX2`,
  'one in ten fits': `${ask.replace('VCPU:2', 'VCPU:40')}&required=HW_CPU_X86_AVX2,!HW_GPU_API_VULKAN`,
  'three groups':
    'resources=MEMORY_MB:2048&resources_CPU=VCPU:2&required_CPU=in:HW_CPU_X86_AVX2,HW_CPU_X86_AVX512F' +
    '&resources_DISK=DISK_GB:20&required_DISK=STORAGE_DISK_SSD&group_policy=none',
};

export async function candidateSpeed(): Promise<readonly Row[]> {
  const child = spawn(
    process.execPath,
    [...FLAGS, join(import.meta.dirname, 'candidates-process.ts')],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    const connection = await Connection.open(`http://127.0.0.1:${await portOf(child)}`);
    const rows: Row[] = [];
    for (const [what, query] of Object.entries(queries))
      rows.push(await measure(connection, what, query));
    connection.close();
    return rows;
  } finally {
    child.kill();
    await once(child, 'close');
  }
}

async function portOf(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new Error('the process has no output');
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return Number(line.toString());
}

async function measure(connection: Connection, what: string, query: string): Promise<Row> {
  const times: number[] = [];
  for (let round = -WARM; round < ROUNDS; round += 1) {
    const beganMs = performance.now();
    const { status, body } = await connection.send(
      'GET',
      `/placement/allocation_candidates?limit=${LIMIT}&${query}`,
      { 'x-auth-token': 'admin', 'openstack-api-version': 'placement 1.39' },
    );
    if (round >= 0) times.push(performance.now() - beganMs);
    else checkReply(status, body);
  }
  const p99 = quantile(times, 0.99);
  return {
    what: `allocation candidates, 10 000 providers, limit 1 000, ${what}, p99 (p50 ${ms(quantile(times, 0.5))})`,
    figure: ms(p99),
    bar: `≤ ${BAR_MS} ms`,
    isMet: p99 <= BAR_MS,
  };
}

function checkReply(status: number, body: Buffer): void {
  const { allocation_requests: found } = JSON.parse(body.toString()) as {
    allocation_requests?: readonly unknown[];
  };
  if (status !== 200 || found?.length !== LIMIT)
    throw new Error(
      `${LIMIT} candidates were expected, status ${status} with ${found?.length} came`,
    );
}
