// One guest of the tiny image in a plain qemu without KVM, for tests: its console, its power button, its ssh.
// Networking is qemu's own (slirp), so nothing on the host is changed. Every wait has a limit that says what it waited for.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const patienceMs = 120_000;

export interface GuestOptions {
  /** A private directory; disk, sockets and keys lie in it. */
  readonly directory: string;
  readonly disk: string;
  readonly machine: 'pc' | 'q35';
  readonly memoryMiB: number;
  /** The address that the host's port is forwarded to; slirp's first lease unless given. */
  readonly address?: string;
  /** Where on 127.0.0.1 the metadata service listens; without it the guest has none. */
  readonly metadataPort?: number;
  readonly configDrive?: { readonly path: string; readonly bus: 'ide' | 'virtio' };
}

export interface TinyGuest {
  readonly sshPort: number;
  /** All that the serial port has printed so far. */
  console(): string;
  /** Resolves with the milliseconds since the start when `text` was printed for the n-th time. */
  printed(text: string, times?: number): Promise<number>;
  /** Runs a command by ssh with the key of that file; resolves with what it printed. */
  ssh(keyPath: string, command: string, input?: string): Promise<string>;
  /** One command of qemu's machine protocol. */
  qmp(execute: string, args?: Record<string, unknown>): Promise<void>;
  /** Resolves with qemu's exit status. */
  ended(): Promise<number | null>;
  kill(): Promise<void>;
}

export async function startGuest(options: GuestOptions): Promise<TinyGuest> {
  const sshPort = await freePort();
  const socketPath = join(options.directory, `qmp-${sshPort}`);
  const startedAt = performance.now();
  const child = spawn('qemu-system-x86_64', qemuArguments(options, sshPort, socketPath), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  const serial = collectOutput(child, startedAt);
  return {
    sshPort,
    console: serial.text,
    printed: (text, times = 1) =>
      within(`'${text}' on the console (${times})`, serial.printed(text, times), serial.text),
    ssh: (keyPath, command, input = '') =>
      runSsh({ sshPort, keyPath, command, input, directory: options.directory }),
    qmp: (execute, args = {}) => within(`qmp ${execute}`, runQmp(socketPath, execute, args)),
    ended: async () => {
      await within('the end of qemu', exit, serial.text);
      return child.exitCode;
    },
    kill: async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await exit;
    },
  };
}

function qemuArguments(options: GuestOptions, sshPort: number, socketPath: string): string[] {
  const forward = `hostfwd=tcp:127.0.0.1:${sshPort}-${options.address ?? ''}:22`;
  // With a metadata service the guest's network is 169.254.0.0/16, the only way to give slirp that address.
  const network =
    options.metadataPort === undefined
      ? ''
      : `,net=169.254.0.0/16,dhcpstart=169.254.0.15,guestfwd=tcp:169.254.169.254:80-cmd:${relayCommand(options.metadataPort)}`;
  const drive =
    options.configDrive === undefined
      ? ''
      : ` -drive file=${options.configDrive.path},if=${options.configDrive.bus},format=raw,readonly=on` +
        (options.configDrive.bus === 'ide' ? ',media=cdrom' : '');
  const words =
    `-machine ${options.machine},accel=tcg -m ${options.memoryMiB} -smp 2 -nodefaults -display none ` +
    `-serial stdio -qmp unix:${socketPath},server=on,wait=off -device virtio-net-pci,netdev=n0 ` +
    `-drive file=${options.disk},format=qcow2,if=virtio${drive}`;
  return [...words.split(' '), '-netdev', `user,id=n0,${forward}${network}`];
}

// qemu runs this for every connection that the guest makes to the metadata address.
function relayCommand(port: number): string {
  const code = `const s=require('net').connect(${port},'127.0.0.1');process.stdin.pipe(s).pipe(process.stdout)`;
  return `${process.execPath} -e "${code.replaceAll(',', ',,')}"`;
}

function collectOutput(child: ChildProcess, startedAt: number) {
  let text = '';
  const checks = new Set<() => void>();
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    for (const check of checks) check();
  });
  return {
    text: () => text,
    printed: (wanted: string, times: number): Promise<number> =>
      new Promise((resolve) => {
        const check = () => {
          if (text.split(wanted).length <= times) return;
          checks.delete(check);
          resolve(performance.now() - startedAt);
        };
        checks.add(check);
        check();
      }),
  };
}

async function within<T>(what: string, wanted: Promise<T>, context = () => ''): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`waited ${patienceMs / 1000} s for ${what}\n${context().slice(-3000)}`));
    }, patienceMs);
  });
  return Promise.race([wanted, late]).finally(() => clearTimeout(timer));
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

function runSsh(call: {
  sshPort: number;
  keyPath: string;
  command: string;
  input: string;
  directory: string;
}): Promise<string> {
  const settings = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'LogLevel=ERROR',
    'StrictHostKeyChecking=accept-new',
    'ConnectTimeout=60',
    `UserKnownHostsFile=${join(call.directory, 'known_hosts')}`,
  ].flatMap((setting) => ['-o', setting]);
  const where = ['-F', 'none', '-p', String(call.sshPort), '-i', call.keyPath, 'root@127.0.0.1'];
  const args = [...settings, ...where, call.command];
  return new Promise((resolve, reject) => {
    const child = execFile('ssh', args, { timeout: patienceMs }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`ssh '${call.command}': ${stderr || error.message}`, { cause: error }));
    });
    child.stdin?.end(call.input);
  });
}

/** Says what it has to say in one connection: greeting, capabilities, the command, its answer. */
async function runQmp(
  socketPath: string,
  execute: string,
  args: Record<string, unknown>,
): Promise<void> {
  const socket: Socket = createConnection(socketPath);
  try {
    await once(socket, 'connect');
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    await lines.next();
    for (const command of [{ execute: 'qmp_capabilities' }, { execute, arguments: args }]) {
      socket.write(`${JSON.stringify(command)}\n`);
      await readAnswer(lines, execute);
    }
  } finally {
    socket.destroy();
  }
}

async function readAnswer(lines: AsyncIterator<string>, execute: string): Promise<void> {
  for (;;) {
    const line = await lines.next();
    if (line.done === true)
      throw new Error(`qemu closed the connection before it answered ${execute}`);
    const answer = JSON.parse(line.value) as { return?: unknown; error?: { desc: string } };
    if (answer.error !== undefined) throw new Error(`${execute}: ${answer.error.desc}`);
    if (answer.return !== undefined) return;
  }
}
