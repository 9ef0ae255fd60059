// A controller's place in the cluster that its store holds: founder of a new one, or a member that starts again. Who is
// neither must join by token. Mix-ups (another Redis, another cluster's images) are refused in words before anything runs.
import { mkdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Config } from '#config/schema.ts';
import type { ClusterTable, MemberId, MemberRecord } from '#runtime/membership/store.ts';
import { createNetworkKey } from '#runtime/transport/libp2p/keys.ts';
import {
  type MemberFile,
  readMemberFile,
  refuseEmbedded,
  writeMemberFile,
  writePrivate,
} from './member-file.ts';
import { imageDirectory } from './neighbours.ts';

export interface Place {
  readonly file: MemberFile;
  /** As the store has it; undefined for a founder. */
  readonly record: MemberRecord | undefined;
}

export interface PlaceOptions {
  readonly config: Config;
  /** The cloud's id. */
  readonly cluster: string;
  readonly self: MemberId;
  readonly table: ClusterTable;
}

export function takePlace(options: PlaceOptions): Place {
  const { config, self, table } = options;
  const { data } = config;
  const record = table.members.find(({ id }) => id === self);
  const file = readMemberFile(data);
  if (record?.isRevoked === true)
    throw new Error(
      `this member was revoked. To be one again: remove ${data}/member.json and ${data}/identity.key, and join with a new token`,
    );
  if (file === undefined) {
    refuseEmbedded(data);
    if (table.members.length > 0)
      throw new Error(
        `this Redis holds a cluster already, and ${data} is no member of it: make a token there (./kilonova token create --role controller), then ./kilonova join TOKEN here`,
      );
    return { file: found(options), record };
  }
  if (file.isFounding !== true && record === undefined) throw new Error(absence(options));
  checkImages(options, file.isFounding === true);
  return { file, record };
}

/** The file is there before the store knows of us: a start that breaks off in between goes on with the same keys. */
function found(options: PlaceOptions): MemberFile {
  const { config, cluster } = options;
  checkImages(options, true);
  const file: MemberFile = {
    version: 1,
    role: 'controller',
    name: hostname(),
    cluster,
    networkKey: Buffer.from(createNetworkKey()).toString('base64'),
    controllers: [],
    settings: {},
    isFounding: true,
  };
  writeMemberFile(config.data, file);
  return file;
}

function absence({ config, table }: PlaceOptions): string {
  const { data } = config;
  if (table.members.length > 0)
    return `this member was taken out of the cluster. To be one again: remove ${data}/member.json, and join with a new token`;
  return `this Redis is empty, but ${data} is a member of a cluster: is it the right Redis, and did it keep its data? To start anew: remove ${data}/member.json`;
}

const MARK = '.cluster';

/** All controllers must have the same files: a directory of one machine alone would serve images that others lack. */
function checkImages({ config, cluster }: PlaceOptions, isFounding: boolean): void {
  const directory = imageDirectory(config);
  const path = join(directory, MARK);
  let mark: string | undefined;
  try {
    mark = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  if (mark === cluster) return;
  if (mark !== undefined)
    throw new Error(
      `${directory} holds the images of another cluster (${mark}): set images.directory to this cluster's`,
    );
  if (!isFounding)
    throw new Error(
      `${directory} does not hold this cluster's images (it has no file ${MARK}): mount the directory that all controllers share there, or set images.directory`,
    );
  mkdirSync(directory, { recursive: true });
  writePrivate(path, `${cluster}\n`);
}
