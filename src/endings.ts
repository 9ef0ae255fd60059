// What was opened, to be closed in the opposite order: when the cloud stops, and when its start fails half-way.

export class Endings {
  readonly #endings: (() => Promise<void> | void)[] = [];

  add(end: () => Promise<void> | void): void {
    this.#endings.unshift(end);
  }

  /** Each runs once, and those that are left run even if one fails; the first failure is thrown at the end. */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (const end of this.#endings.splice(0)) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
