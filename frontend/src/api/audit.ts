import { queryOptions } from "@tanstack/react-query";
import * as api from "./generated/audit/audit";
import { listOptions } from "./lists";
import type { ListAuditParams } from "./models";

export type AuditFilters = Omit<ListAuditParams, "limit" | "cursor">;

export const auditKeys = {
  all: ["audit"] as const,
  verification: ["audit", "verification"] as const,
};

export const auditQuery = (filters: AuditFilters = {}) =>
  listOptions(auditKeys.all, filters, api.listAudit);

/** Computes the chain anew: asked only when a person wants to know. */
export const verificationQuery = () =>
  queryOptions({
    queryKey: auditKeys.verification,
    queryFn: () => api.verifyAudit({ timeout: 0 }),
    enabled: false,
  });
