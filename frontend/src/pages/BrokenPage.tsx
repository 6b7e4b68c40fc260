import { Center } from "@mantine/core";
import { Problem } from "@/api/problem";
import { ProblemPanel } from "@/components/ProblemPanel";
import { NotFoundPage } from "./NotFoundPage";

/** When a whole page cannot be shown: the server is away, or the page has a mistake. */
export function BrokenPage({ error }: { error: unknown }) {
  if (error instanceof Problem && error.code === "not_found") return <NotFoundPage />;
  return (
    <Center component="main" mih="60vh" p="md">
      <div style={{ maxWidth: 560 }}>
        <ProblemPanel error={error} onRetry={() => window.location.reload()} />
      </div>
    </Center>
  );
}
