// The body of POST /servers as the request schemas let it through. Types only: what is checked stands in schemas.ts.

export interface NetworkEntry {
  readonly uuid?: string;
  readonly port?: string | null;
  readonly fixed_ip?: string;
  readonly tag?: string;
}

export interface BlockDevice {
  readonly source_type?: string;
  readonly destination_type?: string;
  readonly uuid?: string;
  readonly boot_index?: number | string | null;
  readonly delete_on_termination?: boolean | string;
  readonly no_device?: unknown;
  readonly volume_type?: string | null;
}

export interface CreateServer {
  readonly name: string;
  readonly imageRef?: string;
  readonly flavorRef: string | number;
  readonly adminPass?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly networks?: readonly NetworkEntry[] | 'auto' | 'none';
  readonly 'OS-DCF:diskConfig'?: 'AUTO' | 'MANUAL';
  readonly accessIPv4?: string;
  readonly accessIPv6?: string;
  readonly personality?: readonly { readonly path?: string; readonly contents?: string }[];
  readonly availability_zone?: string;
  readonly block_device_mapping?: readonly unknown[];
  readonly block_device_mapping_v2?: readonly BlockDevice[];
  readonly config_drive?: boolean | string;
  readonly key_name?: string;
  readonly min_count?: number | string;
  readonly max_count?: number | string;
  readonly return_reservation_id?: boolean | string;
  readonly security_groups?: readonly { readonly name?: string }[];
  readonly user_data?: string | null;
  readonly description?: string | null;
  readonly tags?: readonly string[];
  readonly trusted_image_certificates?: readonly string[] | null;
  readonly host?: string;
  readonly hypervisor_hostname?: string;
  readonly hostname?: string;
}

export type Hints = Readonly<Record<string, unknown>>;

export interface CreateBody {
  readonly server: CreateServer;
  readonly 'os:scheduler_hints'?: Hints;
  readonly 'OS-SCH-HNT:scheduler_hints'?: Hints;
}
