import { XMLParser } from 'fast-xml-parser';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  element,
  renderXml,
  textElement,
  xmlText,
} from '#hypervisor/libvirt/domain-xml/element.ts';

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  htmlEntities: true,
});

/** Code points of every kind, lone surrogates and control characters often. */
function anyText(minLength: number): fc.Arbitrary<string> {
  const codePoint = fc.oneof(
    fc.integer({ min: 0, max: 0x7f }),
    fc.integer({ min: 0xd7f0, max: 0xe00f }),
    fc.integer({ min: 0, max: 0x10_ffff }),
  );
  return fc
    .array(codePoint, { minLength, maxLength: 30 })
    .map((points) => String.fromCodePoint(...points));
}

describe('the XML builder', () => {
  test('markup in text and attributes is escaped', () => {
    const node = element('a', { b: `<'">&` }, [`</a><!--]]>&"'`, textElement('c', 5), undefined]);
    expect(renderXml(node)).toBe(
      `<a b='&lt;&apos;&quot;&gt;&amp;'>&lt;/a&gt;&lt;!--]]&gt;&amp;"'<c>5</c></a>`,
    );
  });

  test('attributes: undefined is left out, booleans are yes and no, white space is kept', () => {
    const node = element('a', { b: undefined, c: true, d: false, e: 7, f: ' \t\n\r' });
    expect(renderXml(node)).toBe(`<a c='yes' d='no' e='7' f=' &#9;&#10;&#13;'/>`);
  });

  test('characters that XML cannot carry become the replacement character', () => {
    expect(xmlText('a\u0000\u0007\u001b\u007f\u0085\ufffe\uffff\ud800b\t\n\r💥')).toBe(
      'a\ufffd\ufffd\ufffd\u007f\u0085\ufffd\ufffd\ufffdb\t\n\r💥',
    );
  });

  test('any text comes back from a parser as the same text', () => {
    const text = anyText(1);
    fc.assert(
      fc.property(text, text, (inside, attribute) => {
        const xml = renderXml(element('a', { b: attribute }, ['.', inside]));
        // A parser turns a bare line end CR LF into LF; ours are escaped, so none may change.
        expect(parser.parse(xml, true)).toEqual({
          a: { '#text': `.${xmlText(inside)}`, '@b': xmlText(attribute) },
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test.each(['', '1a', 'a b', 'a>', 'a:b:c', 'ä'])('%j is no name for an element', (name) => {
    expect(() => renderXml(element(name))).toThrow(RangeError);
    expect(() => renderXml(element('a', { [name]: 1 }))).toThrow(RangeError);
  });
});
