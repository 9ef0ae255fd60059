import { describe, expect, it } from 'vitest';
import { negotiate } from '#api/placement/microversion.ts';
import {
  isUuidLike,
  parseMemberOf,
  parseResources,
  parseTraits,
  Query,
} from '#api/placement/query.ts';
import { standardResourceClasses, standardTraits } from '#api/placement/standard-names-table.ts';

const one = '4b3cd2a6-4f6b-4a5c-8d11-e5ab57ea9f00';
const other = '5c4de3b7-4f6b-4a5c-8d11-e5ab57ea9f00';

describe('the query string', () => {
  it('keeps every value of a key, and the last is the one', () => {
    const query = new Query('/traits?name=a&x=&name=b%20c+d&flag&=none');
    expect(query.all('name')).toEqual(['a', 'b c d']);
    expect(query.get('name')).toBe('b c d');
    expect(query.keys()).toEqual(['name', 'x', 'flag', '']);
    expect(query.get('missing')).toBeUndefined();
    expect(new Query('/traits').keys()).toEqual([]);
  });

  it('that is not UTF-8 is refused', () => {
    expect(() => new Query('/traits?name=%E4')).toThrow("'%E4' is not valid UTF-8");
  });
});

describe('values', () => {
  it('UUIDs come with hyphens or without, in braces, as URNs', () => {
    const bare = one.replaceAll('-', '');
    const good = [one, bare, one.toUpperCase(), `{${one}}`, `urn:uuid:${one}`];
    expect(good.filter((text) => !isUuidLike(text))).toEqual([]);
    const bad = ['', 'x', bare.slice(1), `${bare}0`, `${bare.slice(1)}g`];
    expect(bad.filter((text) => isUuidLike(text))).toEqual([]);
  });

  it('resources are amounts by class', () => {
    expect(parseResources('VCPU:2,MEMORY_MB:1024,VCPU: 4')).toEqual({ VCPU: 4, MEMORY_MB: 1024 });
    expect(() => parseResources('VCPU:-1')).toThrow('requires amount >= 1. Got: -1.');
  });

  it('traits: all of the lists, any in a list, none of the forbidden', () => {
    expect(parseTraits(['in:A,B', 'C,!D'], 39)).toEqual({
      required: [['A', 'B'], ['C']],
      forbidden: ['D'],
    });
    expect(parseTraits(['A', 'B'], 38)).toEqual({ required: [['B']], forbidden: [] });
    expect(() => parseTraits(['in:A,B'], 38)).toThrow('only supported since microversion 1.39');
    expect(() => parseTraits(['!A'], 21)).toThrow('HW_CPU_X86_VMX,CUSTOM_MAGIC. Got: !A');
  });

  it('aggregates: in one of each list, in none of the forbidden', () => {
    expect(parseMemberOf([`in:${one},${other}`, `!${other}`], 32)).toEqual({
      required: [[one, other]],
      forbidden: [other],
    });
    expect(() => parseMemberOf([one, other], 23)).toThrow('Multiple member_of');
    expect(() => parseMemberOf([`!in:${one}`], 31, '1')).toThrow('Forbidden member_of1');
  });
});

describe('the version header', () => {
  it('of several values for placement the last counts', () => {
    const header = 'placement 1.4, compute 2.90, Placement 1.5, volume';
    expect(negotiate({ 'openstack-api-version': header })).toEqual({ outcome: 'agreed', minor: 5 });
  });

  it('without one for placement the lowest is meant', () => {
    expect(negotiate({})).toEqual({ outcome: 'agreed', minor: 0 });
    expect(negotiate({ 'openstack-api-version': 'compute 2.1, placement' })).toEqual({
      outcome: 'agreed',
      minor: 0,
    });
  });
});

describe('standard names', () => {
  it('are each there once and of the form that Placement allows', () => {
    for (const names of [standardTraits, standardResourceClasses]) {
      expect(new Set(names).size).toBe(names.length);
      expect(names.filter((name) => !/^[A-Z0-9_]{1,255}$/.test(name))).toEqual([]);
    }
    expect([standardTraits.length, standardResourceClasses.length]).toEqual([345, 21]);
  });
});
