import { Slider as RadixSlider, Switch as RadixSwitch, ToggleGroup } from "radix-ui";
import { useId, type ReactNode } from "react";
import { classes } from "@/shared/lib/format";
import styles from "./Bits.module.css";

export function Badge({
  tone = "plain",
  children,
}: {
  tone?: "plain" | "accent" | "good" | "warn" | "bad";
  children: ReactNode;
}) {
  return <span className={classes(styles.badge, styles[tone])}>{children}</span>;
}

/** How much of something is done or used; `share` from 0 to 1, null where that is not known. */
export function Meter({
  label,
  share,
  tone = "accent",
}: {
  label: string;
  share: number | null;
  tone?: "accent" | "good" | "warn" | "bad";
}) {
  const percent = share === null ? undefined : Math.round(Math.min(1, Math.max(0, share)) * 100);
  return (
    <div
      className={styles.meter}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
    >
      <div
        className={classes(
          styles.fill,
          styles[`fill-${tone}`],
          percent === undefined && styles.unknown,
        )}
        style={percent === undefined ? undefined : { width: `${percent}%` }}
      />
    </div>
  );
}

/** A place that is being filled; the page never jumps when it is. */
export function Skeleton({ height, className }: { height?: string; className?: string }) {
  return (
    <div
      className={classes(styles.skeleton, className)}
      style={height ? { height } : undefined}
      aria-hidden="true"
    />
  );
}

export function Empty({
  icon,
  title,
  children,
}: {
  icon: ReactNode;
  title: string;
  children?: ReactNode;
}) {
  return (
    <div className={styles.empty}>
      <div className={styles.emptyIcon}>{icon}</div>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Something that needs to be known now. */
export function Notice({
  tone,
  icon,
  actions,
  children,
}: {
  tone: "accent" | "good" | "warn" | "bad";
  icon: ReactNode;
  /** What can be done about it: buttons, in a line of their own. */
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div
      className={classes(styles.notice, styles[tone])}
      role={tone === "bad" ? "alert" : "status"}
    >
      {icon}
      <div>
        {children}
        {actions && <div className={styles.noticeActions}>{actions}</div>}
      </div>
    </div>
  );
}

export function Segments<T extends string>({
  label,
  value,
  options,
  onValue,
}: {
  label: string;
  value: T;
  options: readonly { value: T; label: ReactNode }[];
  onValue: (value: T) => void;
}) {
  return (
    <ToggleGroup.Root
      type="single"
      className={styles.segments}
      aria-label={label}
      value={value}
      onValueChange={(chosen) => {
        if (chosen) onValue(chosen as T);
      }}
    >
      {options.map((option) => (
        <ToggleGroup.Item key={option.value} value={option.value} className={styles.segment}>
          {option.label}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}

export function Slider({
  label,
  value,
  min,
  max,
  step,
  onValue,
  shown,
}: {
  label: string;
  value: number;
  min: number;
  max: number;
  step: number;
  onValue: (value: number) => void;
  /** The value in words. */
  shown?: string;
}) {
  return (
    <RadixSlider.Root
      className={styles.slider}
      value={[value]}
      min={min}
      max={max}
      step={step}
      onValueChange={([chosen]) => {
        if (chosen !== undefined) onValue(chosen);
      }}
    >
      <RadixSlider.Track className={styles.track}>
        <RadixSlider.Range className={styles.range} />
      </RadixSlider.Track>
      <RadixSlider.Thumb className={styles.thumb} aria-label={label} aria-valuetext={shown} />
    </RadixSlider.Root>
  );
}

export function Switch({
  label,
  checked,
  onChecked,
}: {
  label: ReactNode;
  checked: boolean;
  onChecked: (checked: boolean) => void;
}) {
  const id = useId();
  return (
    <div className={styles.switchRow}>
      <RadixSwitch.Root
        id={id}
        className={styles.switch}
        checked={checked}
        onCheckedChange={onChecked}
      >
        <RadixSwitch.Thumb className={styles.knob} />
      </RadixSwitch.Root>
      <label htmlFor={id}>{label}</label>
    </div>
  );
}

/** Names and their values, side by side. */
export function Facts({
  facts,
  columns = false,
}: {
  facts: readonly (readonly [string, ReactNode])[];
  /** As many beside each other as fit. */
  columns?: boolean;
}) {
  return (
    <dl className={classes(styles.facts, columns && styles.columns)}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
