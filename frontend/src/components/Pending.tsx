import { Skeleton, Stack } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Problem } from "@/api/problem";
import { NotFoundPage } from "@/pages/NotFoundPage";
import { ProblemPanel } from "./ProblemPanel";

interface PendingProps<Data> {
  query: UseQueryResult<Data, Error>;
  children: (data: Data) => ReactNode;
}

/** What a query answered; its outline while it is asked; its error with a way on. */
export function Pending<Data>({ query, children }: PendingProps<Data>) {
  if (query.data !== undefined) return children(query.data);
  if (query.error instanceof Problem && query.error.code === "not_found") return <NotFoundPage />;
  if (query.error) return <ProblemPanel error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <Stack aria-hidden>
      <Skeleton height={28} width="40%" />
      <Skeleton height={160} radius="lg" />
      <Skeleton height={240} radius="lg" />
    </Stack>
  );
}
