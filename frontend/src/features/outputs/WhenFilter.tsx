import { ChevronDown } from "lucide-react";
import { Popover } from "radix-ui";
import { dayLabel } from "@/shared/lib/format";
import { Button, TextInput } from "@/shared/ui";
import { changeFilters, dayBefore } from "./filters";
import { FilterButton } from "./FilterMenu";
import styles from "./WhenFilter.module.css";

const SPANS = [
  { name: "Today", days: 0 },
  { name: "Last 7 days", days: 6 },
  { name: "Last 30 days", days: 29 },
] as const;

/** From which day to which: when a video was asked for. */
export function WhenFilter({ since, until }: { since: string; until: string }) {
  const told = spanOf(since, until);
  return (
    <Popover.Root>
      <Popover.Trigger asChild>
        <FilterButton isOn={told !== ""}>
          {told ? `When: ${told}` : "When"}
          <ChevronDown aria-hidden="true" />
        </FilterButton>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          className={styles.panel}
          aria-label="When"
          align="start"
          sideOffset={4}
          collisionPadding={8}
        >
          <div className={styles.spans}>
            {SPANS.map(({ name, days }) => (
              <Button
                key={name}
                size="sm"
                aria-pressed={told === name}
                onClick={() => changeFilters({ since: dayBefore(days), until: "" })}
              >
                {name}
              </Button>
            ))}
          </div>
          <TextInput
            label="From"
            type="date"
            value={since}
            max={until || undefined}
            onChange={(event) => changeFilters({ since: event.target.value })}
          />
          <TextInput
            label="To"
            type="date"
            value={until}
            min={since || undefined}
            onChange={(event) => changeFilters({ until: event.target.value })}
          />
          {told && (
            <Button size="sm" look="quiet" onClick={() => changeFilters({ since: "", until: "" })}>
              Any time
            </Button>
          )}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function spanOf(since: string, until: string): string {
  if (!until) {
    const span = SPANS.find(({ days }) => since === dayBefore(days));
    return span ? span.name : since && `since ${dayLabel(since)}`;
  }
  return since ? `${dayLabel(since)} to ${dayLabel(until)}` : `until ${dayLabel(until)}`;
}
