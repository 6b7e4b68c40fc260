import { useNavigate, useRouter } from "@tanstack/react-router";
import { compact } from "@/search";

/**
 * Changes filters in the address. A filter that comes late, because its typing had to rest first,
 * does not pull back a person who has gone on to another page meanwhile.
 */
export function useSetSearch<Search extends object>(path: string) {
  const router = useRouter();
  const navigate = useNavigate();
  return (change: Partial<Search>) => {
    if (router.latestLocation.pathname !== path) return;
    void navigate({
      to: path,
      search: ((old: object) => compact({ ...old, ...change })) as never,
      replace: true,
    });
  };
}
