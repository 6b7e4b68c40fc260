import { useChange } from "./changes";
import { tagOf } from "./client";
import * as api from "./generated/accounts/accounts";
import { listOptions } from "./lists";
import type { ServiceAccountCreate, ServiceAccountPatch, ServiceAccountRead } from "./models";

export const accountKeys = { all: ["accounts"] as const };

export const accountsQuery = () => listOptions(accountKeys.all, {}, api.listAccounts, 500);

export const useCreateAccount = () =>
  useChange((body: ServiceAccountCreate) => api.createAccount(body), accountKeys.all);

export const useChangeAccount = (read: ServiceAccountRead) =>
  useChange(
    (patch: ServiceAccountPatch) => api.changeAccount(read.id, patch, { "if-match": tagOf(read) }),
    accountKeys.all,
  );

export const useDeleteAccount = (read: ServiceAccountRead) =>
  useChange(() => api.deleteAccount(read.id, { "if-match": tagOf(read) }), accountKeys.all);
