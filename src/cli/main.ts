// The command line: up, down, doctor, test, and those of a cluster. Each command's code is loaded when it is asked for.
import { Command, Option } from 'commander';
import type {
  ChaosArguments,
  ControlArguments,
  DrainArguments,
  EventsArguments,
  DoctorArguments,
  DownArguments,
  JoinArguments,
  LeaveArguments,
  PolicyArguments,
  TokenArguments,
  UpArguments,
} from './arguments.ts';
import { addLabCommands } from './lab/subcommands.ts';

const END_WITHIN_MS = 2_000;

const program = new Command('kilonova')
  .description("OpenStack Nova's job in one program")
  .showHelpAfterError();

program
  .command('up')
  .description('start the cloud; sets up what is missing first')
  .option('--detach', 'return when the cloud is ready, and leave it running')
  .option('--data <directory>', 'where the cloud keeps everything')
  .option('--listen <host:port>', 'where the APIs answer')
  .addOption(
    new Option('--hypervisor <kind>', 'what runs the guests').choices(['libvirt', 'simulated']),
  )
  .option('--hosts <count>', 'how many simulated hosts')
  .option('--redis <url>', 'the store of a cluster: start its first controller')
  .addOption(
    new Option('--role <role>', 'of a member of a cluster').choices([
      'controller',
      'compute',
      'both',
    ]),
  )
  .option('--peer-listen <host:port>', 'where other members reach this one')
  .option('--policy <file>', "rules instead of the defaults, in oslo.policy's YAML")
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (options: UpArguments) => {
    const { up } = await import('./up.ts');
    await up(options);
  });

program
  .command('down')
  .description('stop the cloud; guests keep running unless --purge')
  .option('--data <directory>', 'where the cloud keeps everything')
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .option('--purge', 'also end all guests and remove everything that the cloud made')
  .action(async (options: DownArguments) => {
    const { down } = await import('./down.ts');
    await down(options);
  });

program
  .command('doctor')
  .description('tell what works here, what does not, and the mend')
  .option('--data <directory>', 'where the cloud keeps everything')
  .option('--listen <host:port>', 'where the APIs answer')
  .option('--redis <url>', 'the store of a cluster')
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (options: DoctorArguments) => {
    const { doctor } = await import('./doctor.ts');
    process.exitCode = await doctor(options);
  });

const token = program.command('token').description('join tokens of a cluster');
token
  .command('create')
  .description('a token for one new member, good for 15 minutes')
  .addOption(
    new Option('--role <role>', 'of the new member')
      .choices(['controller', 'compute'])
      .default('compute'),
  )
  .option('--data <directory>', 'of a controller that runs here')
  .option('--json', 'for programs')
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (options: TokenArguments) => {
    const { createToken } = await import('./cluster.ts');
    await createToken(options);
  });

program
  .command('join')
  .description('become a member of the cluster that a token is of, and start')
  .argument('<token>', 'from kilonova token create')
  .option('--detach', 'return when the member is ready, and leave it running')
  .addOption(
    new Option('--role <role>', "the token's; both: a controller with hosts").choices([
      'controller',
      'compute',
      'both',
    ]),
  )
  .option('--name <name>', "of the new member; default: this machine's")
  .option('--data <directory>', 'where the member keeps everything')
  .option('--listen <host:port>', "where a controller's APIs answer")
  .option('--peer-listen <host:port>', 'where other members reach a controller')
  .option(
    '--redis <url>',
    'where a controller reaches the store; default: as the other controllers',
  )
  .addOption(
    new Option('--hypervisor <kind>', 'what runs the guests').choices(['libvirt', 'simulated']),
  )
  .option('--hosts <count>', 'how many simulated hosts a controller with hosts has')
  .option('--policy <file>', "a controller's rules instead of the defaults")
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (word: string, options: JoinArguments) => {
    const { join } = await import('./join.ts');
    await join(word, options);
  });

program
  .command('members')
  .description('who is in the cluster')
  .option('--data <directory>', 'of a controller that runs here')
  .option('--json', 'for programs')
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (options: ControlArguments) => {
    const { members } = await import('./cluster.ts');
    await members(options);
  });

program
  .command('events')
  .description('what happens in the cluster, line by line, until Ctrl-C')
  .option('--kind <kind>', 'only of entities of this kind, such as instance')
  .option('--data <directory>', 'of a controller that runs here')
  .option('--json', 'for programs')
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (options: EventsArguments) => {
    const { events } = await import('./cluster.ts');
    await events(options);
  });

program
  .command('explain')
  .description(
    'how a server would be placed now: each filter, why hosts left, the weights of the rest',
  )
  .argument('<server>', 'its id or name')
  .option('--data <directory>', 'of the cloud, or of a controller, that runs here')
  .option('--json', 'for programs')
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (server: string, options: ControlArguments) => {
    const { explain } = await import('./explain.ts');
    await explain(server, options);
  });

program
  .command('drain')
  .description(
    'take a host out of service and move every server away from it; goes on where it stopped',
  )
  .argument('<host>', 'its name, as openstack hypervisor list tells it')
  .option('--at-once <number>', 'servers that move at the same time', '4')
  .option('--reason <words>', 'shown with the disabled service', 'drained')
  .option('--data <directory>', 'of the cloud, or of a controller, that runs here')
  .option('--json', 'for programs')
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (host: string, options: DrainArguments) => {
    const { drain } = await import('./drain.ts');
    process.exitCode = await drain(host, options);
  });

program
  .command('undrain')
  .description('take a host back into service; servers that have left stay where they are')
  .argument('<host>', 'its name')
  .option('--data <directory>', 'of the cloud, or of a controller, that runs here')
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (host: string, options: ControlArguments) => {
    const { undrain } = await import('./drain.ts');
    await undrain(host, options);
  });

program
  .command('shards')
  .description('which controller serves which part of the entities')
  .option('--data <directory>', 'of a controller that runs here')
  .option('--json', 'for programs')
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (options: ControlArguments) => {
    const { shards } = await import('./cluster.ts');
    await shards(options);
  });

program
  .command('leave')
  .description('hand everything over, stop, and be no member any more')
  .option('--force', 'even if servers are here, or nobody is left to serve')
  .option('--data <directory>', 'of the member that runs here')
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (options: LeaveArguments) => {
    const { leave } = await import('./cluster.ts');
    await leave(options);
  });

const member = program.command('member').description('other members of the cluster');
member
  .command('revoke')
  .description('shut a member out for ever: its key is not accepted any more')
  .argument('<member>', 'its id, a part of it, or its name')
  .option('--data <directory>', 'of a controller that runs here')
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (wanted: string, options: ControlArguments) => {
    const { revoke } = await import('./cluster.ts');
    await revoke(wanted, options);
  });

const policy = program.command('policy').description('who may do what');
policy
  .command('show')
  .description('the rules that would be in force')
  .argument('[part]', 'only rules with this in their name', '')
  .option('--policy <file>', 'the policy file; default: what the settings name')
  .option('--data <directory>', 'of a member that has joined')
  .option('--json', 'for programs')
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (part: string, options: PolicyArguments) => {
    const { showPolicy } = await import('./policy.ts');
    await showPolicy(part, options);
  });
policy
  .command('check')
  .description('tell every mistake in a policy file, or what it changes')
  .argument('[file]', 'the policy file; default: what the settings name')
  .option('--data <directory>', 'of a member that has joined')
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (file: string | undefined, options: PolicyArguments) => {
    const { checkPolicy } = await import('./policy.ts');
    await checkPolicy(file, options);
  });

program
  .command('chaos')
  .description('break a cluster of real processes at random, then check what was acknowledged')
  .option('--minutes <number>', 'of faults', '2')
  .option('--seed <number>', 'repeats a run, as far as real processes allow')
  .option('--controllers <number>', 'of the cluster', '3')
  .option('--computes <number>', 'compute members, one simulated host each', '3')
  .option('--rate <number>', 'requests per second of all users', '60')
  .option('--data <directory>', 'an empty one, which is kept; default: a temporary one')
  .option('--keep', 'keep the directory also when all is well')
  .action(async (options: ChaosArguments) => {
    const { chaos } = await import('./chaos/command.ts');
    process.exitCode = await chaos(options);
  });

addLabCommands(program);

program
  .command('test')
  .description('set up all it needs, then run every test')
  .argument('[filter...]', 'only test files whose path contains one of these')
  .action(async (filter: string[]) => {
    const { test } = await import('./test.ts');
    process.exitCode = await test(filter);
  });

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`kilonova: ${error instanceof Error ? error.message : String(error)}\n`);
  if (process.env['KILONOVA_DEBUG'] !== undefined && error instanceof Error)
    process.stderr.write(`${error.stack ?? ''}\n`);
  process.exitCode = 1;
  // What a start that failed has left open must not keep the process: its supervisor could not start another.
  setTimeout(() => process.exit(), END_WITHIN_MS).unref();
}
