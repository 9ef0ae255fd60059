// The JSON text of each server, kept per form of view (microversion family, rank of caller, links), so that lists are
// joined from strings. A text is as old as the state object it was made of: states are immutable, so the same object
// means the same text, and nothing can be served stale. Bounded: the form used least recently goes first.
import type { InstanceState } from '#actors/instance/state.ts';
import type { StateView } from '#runtime/events/projection.ts';

/** Characters in all texts; about as many bytes. */
const MAX_CHARACTERS = 64 * 1024 * 1024;

export interface TextSource {
  readonly state: InstanceState;
  readonly beside?: readonly unknown[] | undefined;
}

interface Text extends TextSource {
  readonly json: string;
}

export interface ServerJsonCache {
  /**
   * `form` names all that the text depends on besides the state and `beside`, values of which one is another when what
   * they tell of the server has changed.
   */
  text(form: string, of: TextSource, render: () => unknown): string;
  close(): void;
}

export function createServerJsonCache(servers: StateView<InstanceState>): ServerJsonCache {
  /** In order of last use. */
  const forms = new Map<string, Map<string, Text>>();
  let characters = 0;

  const drop = (texts: Map<string, Text>, id: string): void => {
    characters -= texts.get(id)?.json.length ?? 0;
    texts.delete(id);
  };
  const makeRoom = (): void => {
    for (const [form, texts] of forms) {
      if (characters <= MAX_CHARACTERS) return;
      for (const id of texts.keys()) drop(texts, id);
      forms.delete(form);
    }
  };
  const textsOf = (form: string): Map<string, Text> => {
    const texts = forms.get(form) ?? new Map<string, Text>();
    forms.delete(form);
    forms.set(form, texts);
    return texts;
  };
  const unsubscribe = servers.subscribe(({ id, after }) => {
    if (after.existence === 'gone') for (const texts of forms.values()) drop(texts, id);
  });

  let lastForm = '';
  let lastTexts = new Map<string, Text>();
  return {
    text: (form, { state, beside }, render) => {
      if (form !== lastForm || !forms.has(form)) {
        lastForm = form;
        lastTexts = textsOf(form);
      }
      const known = lastTexts.get(state.id);
      if (known?.state === state && areSame(known.beside, beside)) return known.json;
      const json = JSON.stringify(render());
      drop(lastTexts, state.id);
      lastTexts.set(state.id, { state, beside, json });
      characters += json.length;
      if (characters > MAX_CHARACTERS) makeRoom();
      return json;
    },
    close: unsubscribe,
  };
}

function areSame(one: readonly unknown[] = [], other: readonly unknown[] = []): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}
