// What the command line hands to each command, as it was typed; settings.ts makes sense of it.

export interface ConfigArguments {
  readonly config: string;
  readonly data?: string;
  readonly listen?: string;
}
export interface MemberArguments extends ConfigArguments {
  readonly hypervisor?: 'libvirt' | 'simulated';
  readonly hosts?: string;
  readonly redis?: string;
  readonly role?: 'controller' | 'compute' | 'both';
  readonly peerListen?: string;
  readonly policy?: string;
}
export interface UpArguments extends MemberArguments {
  readonly detach?: boolean;
}
export interface JoinArguments extends UpArguments {
  readonly name?: string;
}
export interface DownArguments extends ConfigArguments {
  readonly purge?: boolean;
}
export type DoctorArguments = MemberArguments;
export interface ControlArguments extends ConfigArguments {
  readonly json?: boolean;
}
export interface DrainArguments extends ControlArguments {
  readonly atOnce: string;
  readonly reason: string;
}
export interface PolicyArguments extends ControlArguments {
  readonly policy?: string;
}
export interface EventsArguments extends ControlArguments {
  readonly kind?: string;
}
export interface TokenArguments extends ControlArguments {
  readonly role: 'controller' | 'compute';
}
export interface LeaveArguments extends ControlArguments {
  readonly force?: boolean;
}
export interface ChaosArguments {
  readonly minutes: string;
  readonly seed?: string;
  readonly controllers: string;
  readonly computes: string;
  readonly rate: string;
  readonly data?: string;
  readonly keep?: boolean;
}
export interface LabArguments {
  readonly data: string;
}
export interface LabUpArguments extends LabArguments {
  readonly hosts: string;
  readonly controllers: string;
  readonly storage: 'shared' | 'local' | 'lun';
  readonly keep?: boolean;
}
export interface LabStatusArguments extends LabArguments {
  readonly json?: boolean;
}
export interface LabCutArguments extends LabArguments {
  readonly oneWay?: boolean;
}
