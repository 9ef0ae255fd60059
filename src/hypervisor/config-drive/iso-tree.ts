// Turns a flat list of paths into the directory tree of a config drive, with a name per name space.
// Pure. It refuses what the formats cannot hold (ECMA-119, Joliet, Rock Ridge) instead of shortening silently.

export interface IsoFile {
  /** `openstack/latest/meta_data.json`: relative, `/` between parts. */
  readonly path: string;
  readonly content: Uint8Array;
}

export interface IsoFileNode {
  readonly kind: 'file';
  readonly name: string;
  readonly plainName: string;
  readonly content: Uint8Array;
  /** First sector of the content; set when the image is laid out. */
  sector: number;
}

export interface IsoDirectoryNode {
  readonly kind: 'directory';
  readonly name: string;
  readonly plainName: string;
  readonly parent: IsoDirectoryNode | undefined;
  readonly children: Map<string, IsoNode>;
}

export type IsoNode = IsoFileNode | IsoDirectoryNode;

/** Joliet allows 64 UCS-2 characters. */
const maxNameLength = 64;
/** What a directory record has left for a Rock Ridge name beside the longest plain name and the file attributes. */
const maxNameBytes = 140;
/** ECMA-119 §6.8.2.1: eight levels, the root being the first. */
const maxDepth = 8;
const maxPlainName = 30;

/** @throws {RangeError} for a path that the formats cannot hold, or two entries of one name. */
export function buildIsoTree(files: readonly IsoFile[]): IsoDirectoryNode {
  const root: IsoDirectoryNode = {
    kind: 'directory',
    name: '',
    plainName: '',
    parent: undefined,
    children: new Map(),
  };
  for (const file of files) addFile(root, file);
  return root;
}

function addFile(root: IsoDirectoryNode, file: IsoFile): void {
  const parts = file.path.split('/');
  if (parts.length > maxDepth) throw new RangeError(`config drive: ${file.path} lies too deep`);
  let directory = root;
  for (const [index, name] of parts.entries()) {
    checkName(name, file.path);
    const last = index === parts.length - 1;
    const known = directory.children.get(name);
    if (last) {
      if (known !== undefined) throw new RangeError(`config drive: ${file.path} is given twice`);
      const plainName = choosePlainName(name, directory, true);
      directory.children.set(name, {
        kind: 'file',
        name,
        plainName,
        content: file.content,
        sector: 0,
      });
      return;
    }
    if (known?.kind === 'file') throw new RangeError(`config drive: ${name} is file and directory`);
    directory = known ?? addDirectory(directory, name);
  }
}

function addDirectory(parent: IsoDirectoryNode, name: string): IsoDirectoryNode {
  const plainName = choosePlainName(name, parent, false);
  const child: IsoDirectoryNode = {
    kind: 'directory',
    name,
    plainName,
    parent,
    children: new Map(),
  };
  parent.children.set(name, child);
  return child;
}

function checkName(name: string, path: string): void {
  const forbidden = name === '' || name === '.' || name === '..' || hasForbidden(name);
  if (forbidden) throw new RangeError(`config drive: '${path}' is not a usable path`);
  if (name.length > maxNameLength || Buffer.byteLength(name) > maxNameBytes) {
    throw new RangeError(`config drive: the name '${name}' is too long`);
  }
}

/** Joliet forbids * / : ; ? \ and control characters; characters beyond the basic plane do not fit UCS-2. */
function hasForbidden(name: string): boolean {
  for (const char of name) {
    const code = char.codePointAt(0) ?? 0;
    if (code < 0x20 || code > 0xffff || '*/:;?\\'.includes(char)) return true;
    if (code >= 0xd800 && code <= 0xdfff) return true;
  }
  return false;
}

/**
 * The name in the plain ISO 9660 tree, without version: upper case, A–Z 0–9 _ and one dot. Linux without Rock Ridge
 * shows it in lower case, so `meta_data.json` keeps its name there too.
 */
function choosePlainName(name: string, directory: IsoDirectoryNode, isFile: boolean): string {
  const dot = isFile ? name.lastIndexOf('.') : -1;
  const clean = (text: string): string => text.toUpperCase().replaceAll(/[^A-Z0-9_]/g, '_');
  const extension = dot > 0 ? clean(name.slice(dot + 1)).slice(0, 8) : '';
  const stem = clean(dot > 0 ? name.slice(0, dot) : name).slice(
    0,
    maxPlainName - extension.length - 1,
  );
  const taken = new Set([...directory.children.values()].map((node) => node.plainName));
  const join = (text: string): string => (isFile ? `${text}.${extension}` : text);
  let candidate = join(stem);
  for (let count = 1; taken.has(candidate); count += 1) {
    const suffix = `_${count}`;
    candidate = join(
      `${stem.slice(0, maxPlainName - extension.length - 1 - suffix.length)}${suffix}`,
    );
  }
  return candidate;
}
