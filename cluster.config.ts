// The settings of this cloud. Everything has a default (src/config/schema.ts); what is here differs from it or
// is worth seeing. The command line overrides: ./kilonova up --listen HOST:PORT --data DIR --hypervisor KIND --hosts N
import { defineConfig } from './src/config/load.ts';

export default defineConfig({
  listen: { host: '127.0.0.1', port: 8774 },
  data: 'data',
  hypervisor: { kind: 'libvirt', uri: 'qemu:///system' },
  network: { cidr: '10.87.0.0/20' },
});
