import type { StorageRead } from "@/api/models";

/** What workers noted of a location: each only once it is known. */
export interface Health {
  looked_at?: string;
  checked_at?: string;
  trouble?: string | null;
  latency_ms?: number;
  free_bytes?: number;
  total_bytes?: number;
  overwriting?: string;
  durable?: boolean;
  /** Of the last hour, at most the newest 2,000 of the installation. */
  recent_attempts?: number;
  /** Those of them that failed by the storage's doing. */
  recent_failures?: number;
}

export const healthOf = ({ health }: Pick<StorageRead, "health">): Health => health as Health;
