import { Text } from "@mantine/core";
import { IconCircleCheck } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { PreviewFile, PreviewRead } from "@/api/models";
import { CauseNote } from "@/components/CauseNote";
import { PathText } from "@/components/Mono";
import { Pill } from "@/components/Pill";
import { StatusBadge } from "@/components/StatusBadge";
import classes from "./FolderStep.module.css";

interface PreviewFilesProps {
  preview: PreviewRead;
  /** Of which storage locations it is shown where each would go. */
  places?: string[];
}

/** Real files and what would become of each. */
export function PreviewFiles({ preview, places = [] }: PreviewFilesProps) {
  const { t } = useTranslation();
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
              <Text key={place.storage_location_id} size="xs" c="dimmed" component="div">
                {t("wizard.know.to")} <PathText path={place.path} />
              </Text>
            ))}
        </li>
      ))}
    </ul>
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
