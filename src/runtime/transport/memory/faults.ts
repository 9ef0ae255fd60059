// What goes wrong in the simulated network, apart from cuts and deaths: how late messages are, how often one is lost,
// comes twice or out of turn. Chances are per frame, below the checks of links, so that these are put to the test.

export interface NetworkFaults {
  /** One way, drawn evenly. */
  readonly delayMs: readonly [number, number];
  readonly lossRate: number;
  readonly repeatRate: number;
  readonly reorderRate: number;
}

export const noFaults: NetworkFaults = {
  delayMs: [0.1, 0.5],
  lossRate: 0,
  repeatRate: 0,
  reorderRate: 0,
};
