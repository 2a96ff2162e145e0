import { Heart, Trash2, X } from "lucide-react";
import type { Facets, FacetValue } from "@/shared/api";
import { Button } from "@/shared/ui";
import {
  changeFilters,
  clearFilters,
  isNarrowed,
  toggled,
  type Filters,
  type Kind,
} from "./filters";
import { FilterButton, FilterMenu } from "./FilterMenu";
import { Search } from "./Search";
import { WhenFilter } from "./WhenFilter";
import styles from "./FilterBar.module.css";

const KINDS: readonly { kind: Kind; name: string }[] = [
  { kind: "checkpoint", name: "Checkpoint" },
  { kind: "lora", name: "LoRA" },
  { kind: "size", name: "Size" },
];
const STARS = [5, 4, 3, 2, 1] as const;

/** What is looked for, and how many videos each choice would leave. `facets`: null until the server has said. */
export function FilterBar({ filters, facets }: { filters: Filters; facets: Facets | null }) {
  const liked = facets?.favourite.find(({ value }) => value === "true")?.count ?? 0;
  return (
    <search className={styles.bar} aria-label="Outputs">
      <Search words={filters.q} />
      {KINDS.map(({ kind, name }) => (
        <KindFilter
          key={kind}
          name={name}
          values={facets?.[kind] ?? []}
          chosen={filters[kind]}
          onToggle={(value) => changeFilters({ [kind]: toggled(filters[kind], value) })}
        />
      ))}
      <WhenFilter since={filters.since} until={filters.until} />
      <FilterMenu
        name="Stars"
        told={filters.minRating ? starsOf(filters.minRating) : ""}
        options={STARS.map((stars) => ({
          value: String(stars),
          label: starsOf(stars),
          count: atLeast(stars, facets?.rating ?? []),
        }))}
        chosen={[String(filters.minRating)]}
        isSingle
        onToggle={(value) =>
          changeFilters({ minRating: Number(value) === filters.minRating ? 0 : Number(value) })
        }
      />
      <FilterButton
        isOn={filters.isFavourite}
        aria-pressed={filters.isFavourite}
        onClick={() => changeFilters({ isFavourite: !filters.isFavourite })}
      >
        <Heart aria-hidden="true" /> Favourites
        <span className={styles.count}>{liked.toLocaleString()}</span>
      </FilterButton>
      <FilterButton
        isOn={filters.isDeleted}
        aria-pressed={filters.isDeleted}
        onClick={() => changeFilters({ isDeleted: !filters.isDeleted })}
      >
        <Trash2 aria-hidden="true" /> Deleted
      </FilterButton>
      {isNarrowed(filters) && (
        <Button size="sm" look="quiet" onClick={clearFilters}>
          <X aria-hidden="true" /> Clear filters
        </Button>
      )}
    </search>
  );
}

/** Absent where there is nothing to choose from. */
function KindFilter({
  name,
  values,
  chosen,
  onToggle,
}: {
  name: string;
  values: readonly FacetValue[];
  chosen: readonly string[];
  onToggle: (value: string) => void;
}) {
  // What is chosen can be taken back, even where nothing is left of it.
  const gone = chosen.filter((value) => !values.some((one) => one.value === value));
  const options = [...values, ...gone.map((value) => ({ value, count: 0 }))].map((option) => ({
    ...option,
    label: option.value,
  }));
  if (options.length === 0) return null;
  return (
    <FilterMenu
      name={name}
      told={chosen.length > 1 ? `${chosen.length} chosen` : (chosen[0] ?? "")}
      options={options}
      chosen={chosen}
      onToggle={onToggle}
    />
  );
}

const starsOf = (stars: number) => (stars === 5 ? "5 stars" : `${stars} or more`);

const atLeast = (stars: number, values: readonly FacetValue[]) =>
  values.reduce((sum, { value, count }) => (Number(value) >= stars ? sum + count : sum), 0);
