// The command line: up, down, doctor, test. Each command's code is loaded when it is asked for.
import { Command, Option } from 'commander';
import type { DoctorArguments, DownArguments, UpArguments } from './arguments.ts';

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
  .option('--config <file>', 'settings', 'cluster.config.ts')
  .action(async (options: DoctorArguments) => {
    const { doctor } = await import('./doctor.ts');
    process.exitCode = await doctor(options);
  });

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
}
