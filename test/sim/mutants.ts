export interface Mutant {
  readonly about: string;
  readonly file: string;
  readonly text: string;
  readonly by: string;
}
export const mutants: Readonly<Record<string, Mutant>> = {};
