/** What is looked for among the outputs. It lies in the page's address, so that reload, bookmark and "back" keep it. */
import { navigate, useSearch } from "wouter/use-browser-location";
import type { OutputQuery } from "@/shared/api";

const MAX_STARS = 5;
export const MAX_WORDS_CHARACTERS = 200;

/** Kinds of which several values may be chosen: either will do. */
export type Kind = "checkpoint" | "lora" | "size";

export interface Filters extends Record<Kind, readonly string[]> {
  /** Words of the prompt, or their beginnings. */
  q: string;
  /** Days such as 2026-11-28, of this browser's calendar, both included; "" for any. */
  since: string;
  until: string;
  /** At least so many stars. */
  minRating: number;
  /** Favourites alone. */
  isFavourite: boolean;
  /** What was deleted and can be restored, instead of what is there. */
  isDeleted: boolean;
}

export const NO_FILTERS: Filters = {
  q: "",
  checkpoint: [],
  lora: [],
  size: [],
  since: "",
  until: "",
  minRating: 0,
  isFavourite: false,
  isDeleted: false,
};

/** What an address asks for; what makes no sense in it is left out, as anybody can write there. */
export function filtersOf(search: string): Filters {
  const said = new URLSearchParams(search);
  const day = (name: string) => {
    const told = said.get(name) ?? "";
    return startOf(told) === null ? "" : told;
  };
  const stars = Number(said.get("min_rating"));
  return {
    q: (said.get("q") ?? "").slice(0, MAX_WORDS_CHARACTERS),
    checkpoint: said.getAll("checkpoint"),
    lora: said.getAll("lora"),
    size: said.getAll("size"),
    since: day("since"),
    until: day("until"),
    minRating: Number.isInteger(stars) ? Math.min(MAX_STARS, Math.max(0, stars)) : 0,
    isFavourite: said.get("favourite") === "true",
    isDeleted: said.get("deleted") === "true",
  };
}

/** The address's part behind the path; "" where nothing is looked for. */
export function searchOf(filters: Filters): string {
  const said = new URLSearchParams();
  if (filters.q) said.set("q", filters.q);
  for (const kind of ["checkpoint", "lora", "size"] as const) {
    for (const value of filters[kind]) said.append(kind, value);
  }
  if (filters.since) said.set("since", filters.since);
  if (filters.until) said.set("until", filters.until);
  if (filters.minRating) said.set("min_rating", String(filters.minRating));
  if (filters.isFavourite) said.set("favourite", "true");
  if (filters.isDeleted) said.set("deleted", "true");
  const text = said.toString();
  return text && `?${text}`;
}

/** The same for the server, which counts in instants: the last day ends where the next one begins. */
export function queryOf(filters: Filters): OutputQuery {
  const q = filters.q.trim();
  const since = startOf(filters.since);
  const until = startOf(filters.until, 1);
  return {
    ...(q && { q }),
    ...(filters.checkpoint.length > 0 && { checkpoint: [...filters.checkpoint] }),
    ...(filters.lora.length > 0 && { lora: [...filters.lora] }),
    ...(filters.size.length > 0 && { size: [...filters.size] }),
    ...(since && { since }),
    ...(until && { until }),
    ...(filters.minRating > 0 && { min_rating: filters.minRating }),
    ...(filters.isFavourite && { favourite: true }),
    ...(filters.isDeleted && { deleted: true }),
  };
}

/** Whether anything narrows the list; looking at what was deleted does not. */
export const isNarrowed = (filters: Filters) =>
  searchOf({ ...filters, q: filters.q.trim(), isDeleted: false }) !== "";

/** The day so many before today. */
export function dayBefore(days: number, now = new Date()): string {
  const at = new Date(now.getFullYear(), now.getMonth(), now.getDate() - days);
  const [month, day] = [at.getMonth() + 1, at.getDate()].map((n) => String(n).padStart(2, "0"));
  return `${at.getFullYear()}-${month ?? ""}-${day ?? ""}`;
}

/** When a day of this browser's calendar, or one `later`, begins; null where it is none. */
function startOf(day: string, later = 0): string | null {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day)?.slice(1).map(Number);
  if (!parts) return null;
  const [year = 0, month = 0, date = 0] = parts;
  const at = new Date(year, month - 1, date);
  if (at.getMonth() !== month - 1 || at.getDate() !== date) return null;
  return new Date(year, month - 1, date + later).toISOString();
}

/** What the address asks for now. */
export function useFilters(): Filters {
  return filtersOf(useSearch());
}

/** Look for something else; `replace`: "back" leads to where one was before, as between letters that are typed. */
export function changeFilters(change: Partial<Filters>, options?: { replace: boolean }): void {
  const filters = { ...filtersOf(location.search), ...change };
  navigate(`/outputs${searchOf(filters)}`, options);
}

/** Everything again, of what is there or of what was deleted. */
export const clearFilters = () =>
  changeFilters({ ...NO_FILTERS, isDeleted: filtersOf(location.search).isDeleted });

/** The values of a kind with one more, or without it where it was chosen. */
export const toggled = (chosen: readonly string[], value: string): readonly string[] =>
  chosen.includes(value) ? chosen.filter((other) => other !== value) : [...chosen, value];
