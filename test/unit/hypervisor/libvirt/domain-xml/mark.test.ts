import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { xmlText } from '#hypervisor/libvirt/domain-xml/element.ts';
import { readMark, renderMark } from '#hypervisor/libvirt/domain-xml/mark.ts';

describe('the mark in a domain', () => {
  test('is an element of our namespace', () => {
    expect(renderMark({ cluster: 'c', host: 'h', runEpoch: 3 })).toBe(
      "<kilonova:guest xmlns:kilonova='urn:kilonova:guest:1' cluster='c' host='h' runEpoch='3'/>",
    );
  });

  test('is read back as it was written', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 20 }).map(xmlText);
    const marks = fc.record({ cluster: name, host: name, runEpoch: fc.nat() });
    fc.assert(
      fc.property(marks, (mark) => {
        expect(readMark(renderMark(mark))).toEqual(mark);
      }),
    );
  });

  test.each([
    ['nothing', ''],
    ['no XML', '<guest'],
    ['another element', "<kilonova:other cluster='c' host='h' runEpoch='3'/>"],
    ['no cluster', "<guest host='h' runEpoch='3'/>"],
    ['no host', "<guest cluster='c' runEpoch='3'/>"],
    ['no run-epoch', "<guest cluster='c' host='h'/>"],
    ['a negative run-epoch', "<guest cluster='c' host='h' runEpoch='-3'/>"],
    ['a run-epoch beyond 2^53', "<guest cluster='c' host='h' runEpoch='9999999999999999'/>"],
    ['a run-epoch with words', "<guest cluster='c' host='h' runEpoch='3x'/>"],
  ])('%s is no mark', (_what, xml) => {
    expect(readMark(xml)).toBeUndefined();
  });
});
