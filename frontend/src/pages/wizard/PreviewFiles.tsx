import { Text } from "@mantine/core";
import { IconCircleCheck } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { PreviewDestination, PreviewFile, PreviewRead } from "@/api/models";
import { CauseNote } from "@/components/CauseNote";
import { PathText } from "@/components/Mono";
import { Pill } from "@/components/Pill";
import { StatusBadge } from "@/components/StatusBadge";
import classes from "./FolderStep.module.css";

interface PreviewFilesProps {
  preview: PreviewRead;
  /** Of which storage locations it is shown where each would go. */
  places?: string[];
  /** Where a file would go there, when it is not as the server said; null when it is. */
  pathAt?: (place: string, file: PreviewFile) => string | null;
}

/** Real files and what would become of each. */
export function PreviewFiles({ preview, places = [], pathAt }: PreviewFilesProps) {
  if (!preview.ok && preview.code) {
    return (
      <CauseNote
        code={preview.code}
        detail={preview.detail ?? null}
        remedy={preview.remedy ?? null}
      />
    );
  }
  const files = preview.files ?? [];
  return (
    <ul className={classes.entries}>
      {files.map((file) => (
        <li key={file.path} className={classes.entry}>
          <PathText path={file.path} />
          <div style={{ display: "flex", gap: 8, alignItems: "center", flexWrap: "wrap" }}>
            <Verdict file={file} />
            <Text size="xs" c="dimmed" component="span" translate="no">
              {file.reason}
            </Text>
          </div>
          {file.destinations
            .filter((place) => places.includes(place.storage_location_id))
            .map((place) => (
              <Goal
                key={place.storage_location_id}
                place={place}
                changed={pathAt?.(place.storage_location_id, file) ?? null}
              />
            ))}
        </li>
      ))}
    </ul>
  );
}

/** Where a file would go, or why it cannot. */
function Goal({ place, changed }: { place: PreviewDestination; changed: string | null }) {
  const { t } = useTranslation();
  const path = changed ?? place.path;
  return (
    <Text size="xs" c="dimmed" component="div">
      {path && (
        <>
          {t("wizard.know.to")} <PathText path={path} />
        </>
      )}
      {!changed && place.problem && (
        <Text size="xs" c="var(--mantine-color-error)" component="div" translate="no">
          {place.problem}
        </Text>
      )}
    </Text>
  );
}

/** Settled files have no status yet: they are complete, and nobody has seen them. */
function Verdict({ file }: { file: PreviewFile }) {
  const { t } = useTranslation();
  if (file.verdict === "settled") {
    return (
      <Pill icon={IconCircleCheck} color="green">
        {t("wizard.know.settled")}
      </Pill>
    );
  }
  return (
    <StatusBadge
      status={file.verdict === "skipped" ? "skipped" : "settling"}
      sentence={file.reason}
    />
  );
}
