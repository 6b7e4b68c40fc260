import { type QueryKey, useMutation, useQueryClient } from "@tanstack/react-query";
import type { Problem } from "./problem";

/** A mutation that makes everything below these keys stale when it is done. */
export function useChange<Input, Output>(
  change: (input: Input) => Promise<Output>,
  ...stale: QueryKey[]
) {
  const client = useQueryClient();
  return useMutation<Output, Problem, Input>({
    mutationFn: change,
    // Also after an error: what made it fail (somebody else's edit) is worth seeing.
    onSettled: () => Promise.all(stale.map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
}
