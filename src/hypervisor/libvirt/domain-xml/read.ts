// Reads XML that libvirt wrote: capabilities, metadata, domains. Values stay text; nothing is read back to be edited
// and sent again (order among differently named siblings is lost).

import { XMLParser } from 'fast-xml-parser';

const ATTRIBUTE = '@';
const TEXT = '#text';

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: ATTRIBUTE,
  textNodeName: TEXT,
  parseTagValue: false,
  parseAttributeValue: false,
  removeNSPrefix: true,
  trimValues: false,
  htmlEntities: true,
  alwaysCreateTextNode: true,
  isArray: (_name, _path, _isLeaf, isAttribute) => !isAttribute,
});

/** One element. Paths that are not there give undefined, so that a reader can chain without checks. */
export class XmlNode {
  readonly #value: Readonly<Record<string, unknown>>;

  constructor(value: Readonly<Record<string, unknown>>) {
    this.#value = value;
  }

  children(name: string): readonly XmlNode[] {
    const values = this.#value[name];
    if (!Array.isArray(values)) return [];
    return values
      .filter((value) => typeof value === 'object' && value !== null)
      .map((value) => new XmlNode(value as Record<string, unknown>));
  }

  /** The first child of this name. */
  child(name: string): XmlNode | undefined {
    return this.children(name)[0];
  }

  /** Follows first children: `at('host', 'cpu')`. */
  at(...names: readonly string[]): XmlNode | undefined {
    return names.reduce<XmlNode | undefined>((node, name) => node?.child(name), this);
  }

  attribute(name: string): string | undefined {
    const value = this.#value[ATTRIBUTE + name];
    return typeof value === 'string' ? value : undefined;
  }

  get text(): string {
    const value = this.#value[TEXT];
    return typeof value === 'string' ? value : '';
  }
}

/** The document: its root element is its only child. Undefined when the text is no XML. */
export function readXml(xml: string): XmlNode | undefined {
  try {
    return new XmlNode(parser.parse(xml, true) as Record<string, unknown>);
  } catch {
    return undefined;
  }
}
