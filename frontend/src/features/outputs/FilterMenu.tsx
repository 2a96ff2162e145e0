import { Check, ChevronDown } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import { classes } from "@/shared/lib/format";
import { Button } from "@/shared/ui";
import styles from "./FilterMenu.module.css";

export interface Option {
  value: string;
  label: ReactNode;
  /** How many videos it would leave. */
  count: number;
}

/** The values of one kind with how many videos there are of each. It stays open: one may choose several. */
export function FilterMenu({
  name,
  told,
  options,
  chosen,
  isSingle = false,
  onToggle,
}: {
  name: string;
  /** What is chosen, in a few words; "" for nothing. */
  told: string;
  options: readonly Option[];
  chosen: readonly string[];
  /** One at most: another takes its place. */
  isSingle?: boolean;
  onToggle: (value: string) => void;
}) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>
        <FilterButton isOn={told !== ""}>
          <span className={styles.told}>{told ? `${name}: ${told}` : name}</span>
          <ChevronDown aria-hidden="true" />
        </FilterButton>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          className={styles.menu}
          align="start"
          sideOffset={4}
          collisionPadding={8}
        >
          {options.map(({ value, label, count }) => (
            <DropdownMenu.CheckboxItem
              key={value}
              className={styles.item}
              checked={chosen.includes(value)}
              onSelect={(event) => {
                if (!isSingle) event.preventDefault();
                onToggle(value);
              }}
            >
              <span className={styles.box}>
                <DropdownMenu.ItemIndicator>
                  <Check aria-hidden="true" />
                </DropdownMenu.ItemIndicator>
              </span>
              <span className={styles.label}>{label}</span>
              <span className={styles.count}>{count.toLocaleString()}</span>
            </DropdownMenu.CheckboxItem>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** What opens a filter, or is one: it shows that something is chosen. */
export function FilterButton({ isOn, ...rest }: { isOn: boolean } & Parameters<typeof Button>[0]) {
  return <Button size="sm" className={classes(styles.button, isOn && styles.isOn)} {...rest} />;
}
