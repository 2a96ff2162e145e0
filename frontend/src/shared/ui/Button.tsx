import type { ButtonHTMLAttributes, ReactNode } from "react";
import { classes } from "@/shared/lib/format";
import { Hint } from "./Hint";
import styles from "./Button.module.css";

interface Look {
  look?: "plain" | "primary" | "quiet" | "danger";
  size?: "sm" | "md" | "lg";
}

export function Button({
  look = "plain",
  size = "md",
  className,
  ...rest
}: Look & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button
      type="button"
      className={classes(styles.button, styles[look], styles[size], className)}
      {...rest}
    />
  );
}

/** A button that is only a picture: its label is its name, and shown where one rests on it. */
export function IconButton({
  label,
  icon,
  look = "quiet",
  size = "md",
  className,
  ...rest
}: Look & { label: string; icon: ReactNode } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <Hint text={label}>
      <button
        type="button"
        aria-label={label}
        className={classes(styles.button, styles.icon, styles[look], styles[size], className)}
        {...rest}
      >
        {icon}
      </button>
    </Hint>
  );
}
