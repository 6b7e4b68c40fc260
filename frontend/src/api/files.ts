import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import * as api from "./generated/files/files";
import { csvHref, listOptions } from "./lists";
import type { CountFilesParams, ListFilesParams, MeasureFilesParams, VersionRead } from "./models";

export type FileFilters = Omit<ListFilesParams, "limit" | "cursor">;

export const fileKeys = {
  all: ["files"] as const,
  one: (id: string) => ["files", id] as const,
};

export const filesQuery = (filters: FileFilters) =>
  listOptions(fileKeys.all, filters, api.listFiles);

export const fileQuery = (id: string) =>
  queryOptions({ queryKey: fileKeys.one(id), queryFn: () => api.getFile(id) });

/** Counts of a list's filters, by status; exact to 10,000. */
export const fileCountsQuery = (filters: CountFilesParams) =>
  queryOptions({
    queryKey: [...fileKeys.all, "counts", filters],
    queryFn: () => api.countFiles(filters),
    placeholderData: keepPreviousData,
  });

/** Every content that a file has had, the newest first. */
export const versionsQuery = (id: string) =>
  queryOptions({
    queryKey: [...fileKeys.one(id), "versions"],
    queryFn: () => api.listFileVersions(id),
  });

/** Where a proven version's bytes are; the newest that is proven without a number. */
export const contentHref = (id: string, version?: number): string =>
  `/api/files/${id}/content${version === undefined ? "" : `?version=${version}`}`;

/** As many files can be named for one archive. */
export const MOST_NAMED = 500;

/** Where the newest proven versions of a list's files, or of those named, are in one archive. */
export const zipHref = (filters: MeasureFilesParams): string => csvHref("/api/files.zip", filters);

/** What such an archive would have; asked when somebody wants it, not with each live event. */
export const archiveQuery = (filters: MeasureFilesParams) =>
  queryOptions({
    queryKey: ["archive", filters],
    queryFn: () => api.measureFiles(filters),
    placeholderData: keepPreviousData,
  });

/** The newest version that has a proven copy, of those that are listed newest first. */
export const newestProven = (versions: VersionRead[]): VersionRead | undefined =>
  versions.find(isProven);

export const isProven = ({ copies }: { copies: { state: string }[] }): boolean =>
  copies.some((copy) => copy.state === "available");

/** What happened to a file, oldest first. */
export const storyQuery = (id: string) =>
  queryOptions({ queryKey: [...fileKeys.one(id), "story"], queryFn: () => api.getFileStory(id) });

/** Why a file is (not) here, for whatever a person pastes: a path, a part of a name, an ARK. */
export const explainQuery = (q: string, instrument?: string) =>
  queryOptions({
    queryKey: [...fileKeys.all, "explain", q, instrument],
    queryFn: () => api.explain(instrument ? { q, instrument } : { q }),
    enabled: q.length > 1,
  });
