import { queryOptions } from "@tanstack/react-query";
import { useChange } from "./changes";
import { tagOf } from "./client";
import * as tokens from "./generated/tokens/tokens";
import * as api from "./generated/users/users";
import { listOptions } from "./lists";
import type { MePatch, TokenCreate, UserCreate, UserPatch, UserRead } from "./models";

export const userKeys = {
  all: ["users"] as const,
  one: (id: string) => ["users", id] as const,
  tokens: ["tokens"] as const,
};

export const usersQuery = (search?: string) =>
  listOptions(userKeys.all, search ? { search } : {}, api.listUsers, 500);

/** People have no revision: the ETag is kept on the object itself, which sharing would copy. */
export const userQuery = (id: string) =>
  queryOptions({
    queryKey: userKeys.one(id),
    queryFn: () => api.getUser(id),
    structuralSharing: false,
  });

export const useCreateUser = () =>
  useChange((body: UserCreate) => api.createUser(body), userKeys.all);

export const useChangeUser = (read: UserRead) =>
  useChange(
    (patch: UserPatch) => api.changeUser(read.id, patch, { "if-match": tagOf(read) }),
    userKeys.all,
    ["me"],
  );

/** One's own name and password; the answer replaces what is known of the person. */
export const useChangeMe = () =>
  useChange(
    async (patch: MePatch) => {
      const read = await api.getMe();
      return api.changeMe(patch, { "if-match": tagOf(read) });
    },
    ["me"],
    userKeys.all,
  );

export const tokensQuery = () => listOptions(userKeys.tokens, {}, tokens.listTokens, 500);

export const useCreateToken = () =>
  useChange((body: TokenCreate) => tokens.createToken(body), userKeys.tokens);

export const useDeleteToken = () =>
  useChange((id: string) => tokens.deleteToken(id), userKeys.tokens);
