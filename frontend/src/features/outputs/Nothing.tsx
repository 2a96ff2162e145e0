import { Film, Heart, SearchX, Star, Trash2 } from "lucide-react";
import { useLocation } from "wouter";
import { Button, Empty, Panel } from "@/shared/ui";
import { changeFilters, clearFilters, isNarrowed, NO_FILTERS, type Filters } from "./filters";

/** Why there is nothing to be seen, and what to do about it. */
export function Nothing({ filters }: { filters: Filters }) {
  const [, navigate] = useLocation();
  const { q, minRating, isFavourite, isDeleted } = filters;
  const isAlone = (part: Partial<Filters>) => !isNarrowed({ ...filters, ...part });
  const clear = <Button onClick={clearFilters}>Clear filters</Button>;
  if (!isDeleted && isFavourite && isAlone({ isFavourite: false })) {
    return (
      <Panel>
        <Empty icon={<Heart />} title="No favourites yet">
          <p>
            The heart on a video makes it one. Favourites are found here, and are kept where others
            are deleted for their age.
          </p>
          {clear}
        </Empty>
      </Panel>
    );
  }
  if (!isDeleted && minRating > 0 && isAlone({ minRating: 0 })) {
    return (
      <Panel>
        <Empty icon={<Star />} title="No video has that many stars">
          <p>Stars are given on a video’s picture or in its own view, and taken away there.</p>
          {clear}
        </Empty>
      </Panel>
    );
  }
  if (isNarrowed(filters)) {
    return (
      <Panel>
        <Empty icon={<SearchX />} title="Nothing found">
          <p>
            {isAlone({ q: "" })
              ? "No prompt of a video has all of these words. A word may be the beginning of one: “circ” finds circles."
              : `No ${isDeleted ? "deleted " : ""}video fits all of these filters at once${q.trim() ? ", words included" : ""}.`}
          </p>
          {clear}
        </Empty>
      </Panel>
    );
  }
  return isDeleted ? (
    <Panel>
      <Empty icon={<Trash2 />} title="Nothing is deleted">
        <p>
          What you delete lies here for some days, and can be restored; then it is gone for good.
        </p>
        <Button onClick={() => changeFilters(NO_FILTERS)}>Show outputs</Button>
      </Empty>
    </Panel>
  ) : (
    <Panel>
      <Empty icon={<Film />} title="No videos yet">
        <p>
          Each finished video is kept here with everything that made it: play it frame by frame,
          compare two, or ask for it again with one thing changed.
        </p>
        <Button look="primary" onClick={() => navigate("/")}>
          Make the first one
        </Button>
      </Empty>
    </Panel>
  );
}
