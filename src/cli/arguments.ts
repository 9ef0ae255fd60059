// What the command line hands to each command, as it was typed; settings.ts makes sense of it.

export interface ConfigArguments {
  readonly config: string;
  readonly data?: string;
  readonly listen?: string;
}
export interface UpArguments extends ConfigArguments {
  readonly detach?: boolean;
  readonly hypervisor?: 'libvirt' | 'simulated';
  readonly hosts?: string;
}
export interface DownArguments extends ConfigArguments {
  readonly purge?: boolean;
}
export type DoctorArguments = ConfigArguments;
