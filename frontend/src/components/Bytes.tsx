import { formatBytes, formatExactBytes } from "./format";
import { Hint } from "./Hint";

/** A size in SI units; the exact number of bytes on hover. */
export function Bytes({ value }: { value: number }) {
  if (value < 1000) return <span translate="no">{formatBytes(value)}</span>;
  return (
    <Hint label={formatExactBytes(value)}>
      <span translate="no" className="tabular">
        {formatBytes(value)}
      </span>
    </Hint>
  );
}
