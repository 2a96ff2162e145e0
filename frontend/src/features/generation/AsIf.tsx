import { Select } from "@/shared/ui";
import type { Imagined } from "./usePlan";
import styles from "./PlanPanel.module.css";

/** Memory as it is sold: a card of 24 GB has 24 GiB. */
const CARDS_GIB = [8, 12, 16, 24, 32, 48, 80, 96, 141];
const HOSTS_GIB = [16, 32, 64, 128, 256];

/** What the plan would be on another machine. */
export function AsIf({
  imagined,
  onImagined,
}: {
  imagined: Imagined;
  onImagined: (imagined: Imagined) => void;
}) {
  return (
    <div className={styles.asIf}>
      <Size
        label="As if the GPU had"
        sizes={CARDS_GIB}
        value={imagined.acceleratorGib}
        onValue={(acceleratorGib) => onImagined({ ...imagined, acceleratorGib })}
      />
      <Size
        label="As if the host had"
        sizes={HOSTS_GIB}
        value={imagined.hostGib}
        onValue={(hostGib) => onImagined({ ...imagined, hostGib })}
      />
    </div>
  );
}

function Size({
  label,
  sizes,
  value,
  onValue,
}: {
  label: string;
  sizes: readonly number[];
  value: number | null;
  onValue: (gib: number | null) => void;
}) {
  return (
    <Select
      label={label}
      value={value ?? ""}
      onChange={({ target }) => onValue(target.value ? Number(target.value) : null)}
    >
      <option value="">what is here</option>
      {sizes.map((gib) => (
        <option key={gib} value={gib}>
          {gib} GB
        </option>
      ))}
    </Select>
  );
}
