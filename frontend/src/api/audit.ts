import { queryOptions } from "@tanstack/react-query";
import * as api from "./generated/audit/audit";
import { listOptions } from "./lists";
import type { AuditPage, ListAuditParams } from "./models";

export type AuditFilters = Omit<ListAuditParams, "limit" | "cursor">;

export const auditKeys = {
  all: ["audit"] as const,
  verification: ["audit", "verification"] as const,
};

const SEALED_AFTER_MILLISECONDS = 5_000;

/** Events are sealed some seconds after they happened, which is no event itself. */
export const auditQuery = (filters: AuditFilters = {}) => ({
  ...listOptions(auditKeys.all, filters, api.listAudit),
  refetchInterval: (query: { state: { data?: { pages: AuditPage[] } | undefined } }) => {
    const [newest, ...older] = query.state.data?.pages ?? [];
    const isWaiting = older.length === 0 && newest?.items.some((event) => event.seq === null);
    return isWaiting ? SEALED_AFTER_MILLISECONDS : false;
  },
});

/** Computes the chain anew: asked only when a person wants to know. */
export const verificationQuery = () =>
  queryOptions({
    queryKey: auditKeys.verification,
    queryFn: () => api.verifyAudit({ timeout: 0 }),
    enabled: false,
  });
