import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { tagOf } from "./client";
import * as auth from "./generated/auth/auth";
import * as setup from "./generated/setup/setup";
import * as users from "./generated/users/users";
import type { Preferences, SetupCreate, SignInForm } from "./models";

export const sessionKeys = { me: ["me"] as const, setup: ["setup"] as const };

export const meQuery = () =>
  queryOptions({ queryKey: sessionKeys.me, queryFn: () => users.getMe(), staleTime: Infinity });

export const setupQuery = () =>
  queryOptions({ queryKey: sessionKeys.setup, queryFn: () => setup.getSetup(), staleTime: 0 });

/** How one likes the page, read anew first: somebody else may have changed the person. */
export async function keepPreferences(preferences: Preferences): Promise<void> {
  const read = await users.getMe();
  await users.changeMe({ preferences }, { "if-match": tagOf(read) });
}

export function useSignIn() {
  return useMutation({ mutationFn: (form: SignInForm) => auth.login(form) });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({ mutationFn: () => auth.logout(), onSuccess: () => client.clear() });
}

/** Make the first admin, and sign in as that person. */
export function useFirstAdmin() {
  return useMutation({
    mutationFn: async (body: SetupCreate) => {
      const user = await setup.createFirstAdmin(body);
      await auth.login({ username: body.email, password: body.password });
      return user;
    },
  });
}
