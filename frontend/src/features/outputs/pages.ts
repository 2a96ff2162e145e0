/** A long list of outputs in pages, asked for anew without asking for all of it again. */
import type { InfiniteData } from "@tanstack/react-query";
import type { Facets, Output, OutputPage } from "@/shared/api";

/** Where a page begins, and in which edition of the list; "" is the front. */
export interface Place {
  cursor: string;
  edition: number;
}

/** `edition`: pages of one edition belong together. */
export type Page = OutputPage & { edition: number };

export type Pages = InfiniteData<Page, Place>;

export const FRONT: Place = { cursor: "", edition: 0 };

/** Where the page after this one begins; null after the last. */
export const placeAfter = (page: Page): Place | null =>
  page.next_cursor === null ? null : { cursor: page.next_cursor, edition: page.edition };

/** The page that is known to begin there, if it still belongs to the list. */
export function knownAt(place: Place, pages: Pages | undefined): Page | undefined {
  const index = pages?.pageParams.findIndex(
    ({ cursor, edition }) => cursor === place.cursor && edition === place.edition,
  );
  return index === undefined || index <= 0 ? undefined : pages?.pages[index];
}

/**
 * The front page, now that the server has told it anew. Where all that has changed is that there are more
 * videos in front, it grows by those and what follows stays as it is; else it begins a new edition, of which
 * nothing else is known yet.
 */
export function renewed(known: Page | undefined, told: OutputPage): Page {
  const before = known?.data ?? [];
  const added = told.data.findIndex(({ id }) => id === before[0]?.id);
  const hasGrownInFront =
    known !== undefined &&
    added >= 0 &&
    (told.facets?.total ?? 0) === (known.facets?.total ?? 0) + added &&
    told.data.slice(added).every(({ id }, index) => id === (before[index] ?? { id }).id) &&
    marks(told.facets) === marks(known.facets);
  if (!hasGrownInFront) return { ...told, edition: (known?.edition ?? 0) + 1 };
  return {
    ...known,
    data: [...told.data, ...before.slice(told.data.length - added)],
    facets: told.facets,
  };
}

/** How many were given each number of stars, and how many are favourites. */
function marks(facets: Facets | null): string {
  const given = facets?.rating.filter(({ value }) => value !== "0") ?? [];
  const liked = facets?.favourite.filter(({ value }) => value === "true") ?? [];
  return [...given, ...liked].map(({ value, count }) => `${value}:${count}`).join(" ");
}

/** The list with one of its outputs changed. */
export function changed(pages: Pages, id: string, change: Partial<Output>): Pages {
  return {
    ...pages,
    pages: pages.pages.map((page) =>
      page.data.some((output) => output.id === id)
        ? {
            ...page,
            data: page.data.map((output) => (output.id === id ? { ...output, ...change } : output)),
          }
        : page,
    ),
  };
}
