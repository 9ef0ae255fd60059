// A cluster for the bench: a private Redis with full sync, controllers as processes of their own, and simulated hosts that
// joined as compute members. The first controller's BenchCloud gives tokens and bodies; they are good at every controller.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run } from '../e2e/launched-cloud.ts';
import { PrivateRedis } from '#test/support/private-redis.ts';
import { BenchCloud } from './bench-cloud.ts';

export interface BenchMember {
  readonly data: string;
  readonly url: string;
  readonly pid: number;
}

export class BenchCluster {
  readonly redis: PrivateRedis;
  readonly cloud: BenchCloud;
  readonly controllers: BenchMember[];
  readonly #directory: string;

  private constructor(redis: PrivateRedis, cloud: BenchCloud, directory: string) {
    this.redis = redis;
    this.cloud = cloud;
    this.#directory = directory;
    this.controllers = [memberAt(cloud.launched.data)];
  }

  static async start(options: {
    readonly controllers: number;
    readonly hosts: number;
    readonly cidr: string;
  }): Promise<BenchCluster> {
    const redis = await PrivateRedis.start();
    const cloud = await BenchCloud.start({
      cidr: options.cidr,
      hypervisor: 'simulated',
      hosts: options.hosts,
      redis: redis.url,
    });
    const directory = mkdtempSync(join(tmpdir(), 'kilonova-bench-'));
    const cluster = new BenchCluster(redis, cloud, directory);
    for (let number = 2; number <= options.controllers; number += 1) await cluster.#join(number);
    return cluster;
  }

  async #join(number: number): Promise<void> {
    const data = join(this.#directory, `controller-${number}`);
    const config = join(this.#directory, `controller-${number}.config.ts`);
    writeFileSync(config, 'export default {};\n');
    const token = await this.cloud.launched.kilonova('token', 'create', '--role', 'controller');
    const secret = token.stdout.trim().split('\n').at(-1) ?? '';
    const place = ['--data', data, '--listen', '127.0.0.1:0', '--config', config];
    await must(['join', secret, ...place, '--detach']);
    this.controllers.push(memberAt(data));
  }

  async remove(): Promise<void> {
    for (const { data } of this.controllers.slice(1).reverse())
      await must(['down', '--data', data]);
    const { launched } = this.cloud;
    await must(['down', '--config', launched.config]);
    rmSync(launched.directory, { recursive: true, force: true });
    await this.redis.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function memberAt(data: string): BenchMember {
  const { url, pid } = JSON.parse(readFileSync(join(data, 'run.json'), 'utf8')) as BenchMember;
  return { data, url, pid };
}

async function must(args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await run(join(root, 'kilonova'), args, { timeoutMs: 120_000 });
  if (code !== 0) throw new Error(`kilonova ${args[0]} ended with ${code}: ${stdout}${stderr}`);
}
