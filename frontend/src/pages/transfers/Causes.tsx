/** Failures grouped by cause; shown when there are any. */
export function Causes() {
  return null;
}
