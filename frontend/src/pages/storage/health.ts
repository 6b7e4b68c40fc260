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
}

export const healthOf = ({ health }: Pick<StorageRead, "health">): Health => health as Health;
