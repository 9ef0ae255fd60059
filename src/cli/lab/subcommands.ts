// The words of `kilonova lab …`. The code of each is loaded when it is asked for.
import { Argument, type Command, Option } from 'commander';
import type {
  LabArguments,
  LabCutArguments,
  LabStatusArguments,
  LabUpArguments,
} from '../arguments.ts';

const PARTS = ['daemon', 'libvirtd', 'qemu', 'redis', 'machine'] as const;
const DIRECTORY = '/var/tmp/kilonova-lab';
const load = () => import('./command.ts');

export function addLabCommands(program: Command): void {
  const lab = program.command('lab').description('real hosts on this one machine; needs root');
  const add = (name: string, description: string): Command =>
    lab
      .command(name)
      .description(description)
      .option('--data <directory>', 'where the lab keeps everything', DIRECTORY);
  add('up', 'make a store, controllers and hosts with a libvirtd each, joined by a bridge')
    .option('--hosts <count>', 'compute hosts', '3')
    .option('--controllers <count>', 'of the cluster', '1')
    .addOption(
      new Option('--storage <kind>', "where guests' disks are")
        .choices(['shared', 'local', 'lun'])
        .default('shared'),
    )
    .option('--keep', 'leave what was made when it fails')
    .action(async (options: LabUpArguments) => (await load()).labUp(options));
  add('down', 'end everything and leave nothing').action(async (options: LabArguments) =>
    (await load()).labDown(options),
  );
  add('status', 'machines, what runs on them, and what is cut')
    .option('--json', 'for programs')
    .action(async (options: LabStatusArguments) => (await load()).labStatus(options));
  addFaults(add);
  add('exec', 'run a command on a machine')
    .argument('<machine>')
    .argument('<command...>', 'after -- if it has options')
    .action(async (name: string, command: string[], options: LabArguments) => {
      process.exitCode = await (await load()).labExec(name, command, options);
    });
}

function addFaults(add: (name: string, description: string) => Command): void {
  add('cut', 'lose every packet between two machines')
    .argument('<a>')
    .argument('<b>')
    .option('--one-way', 'only what a sends to b')
    .action(async (a: string, b: string, options: LabCutArguments) =>
      (await load()).labCut(a, b, options),
    );
  add('heal', 'end all cuts').action(async (options: LabArguments) =>
    (await load()).labHeal(options),
  );
  add('kill', 'kill -9 a part of a machine, or cut its power')
    .argument('<machine>')
    .addArgument(new Argument('<part>').choices(PARTS))
    .argument('[guest]', "of qemu: only this guest, by its server's id")
    .action(
      async (
        name: string,
        part: (typeof PARTS)[number],
        guest: string | undefined,
        options: LabArguments,
      ) => (await load()).labKill(name, part, guest, options),
    );
  add('start', 'switch a machine on, and start what does not run on it')
    .argument('<machine>')
    .action(async (name: string, options: LabArguments) => (await load()).labStart(name, options));
  add('freeze', 'stop every process of a machine where it stands')
    .argument('<machine>')
    .action(async (name: string, options: LabArguments) => (await load()).labFreeze(name, options));
  add('thaw', 'let them go on')
    .argument('<machine>')
    .action(async (name: string, options: LabArguments) => (await load()).labThaw(name, options));
}
