import type { ReactNode } from "react";
import { classes } from "@/shared/lib/format";
import styles from "./Panel.module.css";

/** A titled part of a screen. */
export function Panel({
  title,
  aside,
  children,
  className,
  flush = false,
}: {
  title?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  className?: string;
  /** The content reaches the panel's edges. */
  flush?: boolean;
}) {
  return (
    <section className={classes(styles.panel, className)}>
      {title !== undefined && (
        <header className={styles.head}>
          <h2>{title}</h2>
          {aside}
        </header>
      )}
      <div className={classes(!flush && styles.body)}>{children}</div>
    </section>
  );
}

/** The name of a screen, and what can be done with all of it. */
export function ScreenHead({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <header className={styles.screenHead}>
      <h1>{title}</h1>
      {children && <div className={styles.actions}>{children}</div>}
    </header>
  );
}
