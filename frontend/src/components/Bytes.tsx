import { Tooltip } from "@mantine/core";
import { formatBytes, formatExactBytes } from "./format";

/** A size in SI units; the exact number of bytes on hover. */
export function Bytes({ value }: { value: number }) {
  if (value < 1000) return <span translate="no">{formatBytes(value)}</span>;
  return (
    <Tooltip label={formatExactBytes(value)}>
      <span translate="no" className="tabular">
        {formatBytes(value)}
      </span>
    </Tooltip>
  );
}
