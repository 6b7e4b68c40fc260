/** Resolves when what was just drawn is on the screen. */
export function painted(): Promise<void> {
  return new Promise((done) => {
    // A frame's callbacks come before its paint; what waits behind them comes after it.
    requestAnimationFrame(() => setTimeout(done));
  });
}
