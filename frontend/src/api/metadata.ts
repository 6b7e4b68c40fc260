import { queryOptions } from "@tanstack/react-query";
import { useChange } from "./changes";
import { tagOf } from "./client";
import { fileKeys } from "./files";
import * as api from "./generated/files/files";
import type { MetadataPatch, MetadataRead } from "./models";

const keyOf = (id: string) => [...fileKeys.one(id), "metadata"];

/** What hooks and people say of a file. */
export const metadataQuery = (id: string) =>
  queryOptions({ queryKey: keyOf(id), queryFn: () => api.getFileMetadata(id) });

export const useChangeMetadata = (read: MetadataRead) =>
  useChange(
    (patch: MetadataPatch) =>
      api.changeFileMetadata(read.file_id, patch, { "if-match": tagOf(read) }),
    keyOf(read.file_id),
  );

/** The picture that a hook made; another answer is another address. */
export const previewHref = (id: string, hook: string, at: string): string =>
  `/api/files/${id}/previews/${hook}?at=${encodeURIComponent(at)}`;
