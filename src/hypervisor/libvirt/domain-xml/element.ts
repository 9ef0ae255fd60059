// Builds XML as a tree, so that text can never become markup. Characters that XML 1.0 can't carry (most control
// characters, lone surrogates) become U+FFFD; names are ours and must be plain. Writes only: reading is in read.ts.

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly children: readonly XmlChild[];
}

export type AttributeValue = string | number | boolean | undefined;
export type XmlChild = XmlElement | string | undefined;

const NAME = /^[A-Za-z_][\w.-]*(:[A-Za-z_][\w.-]*)?$/;

/** Attributes that are undefined and children that are undefined are left out; booleans are yes and no. */
export function element(
  name: string,
  attributes: Readonly<Record<string, AttributeValue>> = {},
  children: readonly XmlChild[] = [],
): XmlElement {
  return { name, attributes, children };
}

/** An element that holds text alone. */
export function textElement(name: string, text: string | number): XmlElement {
  return element(name, {}, [String(text)]);
}

/** Throws RangeError when an element or attribute name is no plain XML name: that is a bug, not input. */
export function renderXml(node: XmlElement): string {
  const parts: string[] = [];
  render(node, parts);
  return parts.join('');
}

/** Text as XML 1.0 can carry it. */
export function xmlText(text: string): string {
  return text.toWellFormed().replace(UNCARRIED, '\uFFFD');
}

// Everything outside of #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF] (XML 1.0 §2.2).
const UNCARRIED = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

function render(node: XmlElement, parts: string[]): void {
  parts.push('<', plainName(node.name));
  for (const [name, value] of Object.entries(node.attributes)) {
    if (value === undefined) continue;
    const text = typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
    parts.push(' ', plainName(name), "='", escapeAttribute(text), "'");
  }
  const children = node.children.filter((child) => child !== undefined);
  if (children.length === 0) {
    parts.push('/>');
    return;
  }
  parts.push('>');
  for (const child of children) {
    if (typeof child === 'string') parts.push(escapeText(child));
    else render(child, parts);
  }
  parts.push('</', node.name, '>');
}

function escapeText(text: string): string {
  return xmlText(text).replace(/[&<>\r]/g, (character) => ENTITIES[character] ?? character);
}

function escapeAttribute(text: string): string {
  return xmlText(text).replace(/[&<>"'\t\n\r]/g, (character) => ENTITIES[character] ?? character);
}

function plainName(name: string): string {
  if (!NAME.test(name)) throw new RangeError(`${JSON.stringify(name)} is no XML name`);
  return name;
}
