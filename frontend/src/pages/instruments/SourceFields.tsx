import { Checkbox, NumberInput, Select, Textarea, TextInput } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useTranslation } from "react-i18next";
import { Protocol } from "@/api/models";
import { MoverFields } from "./MoverFields";
import { hasHost, hasUrl, needsHost, needsRoot, needsUrl, type SourceValues } from "./source";

const PORTS: Partial<Record<Protocol, string>> = { smb: "445", sftp: "22", rsync: "873" };

export interface SourceFieldsProps {
  form: UseFormReturnType<SourceValues>;
}

/** Where the source is: the fields of its protocol, of any form that holds them. */
export function SourceFields<Values extends SourceValues>(props: {
  form: UseFormReturnType<Values>;
}) {
  const { t } = useTranslation();
  const form = props.form as unknown as UseFormReturnType<SourceValues>;
  const { protocol } = form.values;
  const rootLabel = {
    smb: t("wizard.fields.folder_smb"),
    s3: t("wizard.fields.folder_s3"),
    sftp: t("wizard.fields.path"),
    webdav: t("wizard.fields.path"),
    local: t("wizard.fields.path"),
    rsync: t("wizard.fields.folder_rsync"),
    globus: t("wizard.fields.path"),
    adapter: t("wizard.fields.path"),
  }[protocol];
  return (
    <>
      <Select
        label={t("wizard.fields.protocol")}
        data={Object.values(Protocol).map((value) => ({
          value,
          label: t(`wizard.protocol.${value}`),
        }))}
        allowDeselect={false}
        {...form.getInputProps("protocol")}
        onChange={(value) => {
          // A mover and its settings belong to a protocol.
          form.setValues({ protocol: value as Protocol, mover: "", mover_options: {} });
        }}
      />
      {hasHost(protocol) && <HostFields form={form} />}
      {hasUrl(protocol) && (
        <TextInput
          label={t("wizard.fields.url")}
          placeholder="https://"
          required={needsUrl(protocol)}
          spellCheck={false}
          {...form.getInputProps("url")}
        />
      )}
      <TextInput
        label={rootLabel}
        description={protocol === "local" ? t("wizard.fields.path_hint") : undefined}
        required={needsRoot(protocol)}
        spellCheck={false}
        {...form.getInputProps("root")}
      />
      <OptionFields form={form} />
      <MoverFields form={form} />
    </>
  );
}

function HostFields({ form }: SourceFieldsProps) {
  const { t } = useTranslation();
  const { protocol, port } = form.values;
  return (
    <>
      <TextInput
        label={t("wizard.fields.host")}
        required={needsHost(protocol)}
        spellCheck={false}
        {...form.getInputProps("host")}
      />
      <NumberInput
        label={t("wizard.fields.port")}
        placeholder={PORTS[protocol]}
        min={1}
        max={65_535}
        thousandSeparator=""
        {...form.getInputProps("port")}
        value={port ?? ""}
        onChange={(value) => form.setFieldValue("port", typeof value === "number" ? value : null)}
      />
    </>
  );
}

/** What only some servers of a protocol need. */
function OptionFields({ form }: SourceFieldsProps) {
  const { t } = useTranslation();
  switch (form.values.protocol) {
    case "sftp":
      return (
        <Textarea
          label={t("wizard.fields.host_key")}
          description={t("wizard.fields.host_key_hint")}
          autosize
          spellCheck={false}
          {...form.getInputProps("host_key")}
        />
      );
    case "smb":
      return <TextInput label={t("wizard.fields.domain")} {...form.getInputProps("domain")} />;
    case "s3":
      return (
        <>
          <TextInput label={t("wizard.fields.region")} {...form.getInputProps("region")} />
          <TextInput
            label={t("wizard.fields.provider")}
            description={t("wizard.fields.provider_hint")}
            spellCheck={false}
            {...form.getInputProps("provider")}
          />
          <Checkbox
            label={t("wizard.fields.path_style")}
            description={t("wizard.fields.path_style_hint")}
            checked={form.values.force_path_style ?? true}
            onChange={(event) =>
              form.setFieldValue("force_path_style", event.currentTarget.checked)
            }
          />
        </>
      );
    case "webdav":
      return (
        <TextInput
          label={t("wizard.fields.vendor")}
          description={t("wizard.fields.vendor_hint")}
          spellCheck={false}
          {...form.getInputProps("vendor")}
        />
      );
    default:
      return null;
  }
}
