import { useState, type ReactNode } from "react";
import styles from "./Grid.module.css";

/** Where a card is: left blank while nobody could look at it, and never again once it was there. */
export function Place({ isBlank, children }: { isBlank: boolean; children: ReactNode }) {
  const [wasFilled, setFilled] = useState(!isBlank);
  if (!isBlank && !wasFilled) setFilled(true);
  return wasFilled || !isBlank ? children : <div className={styles.blank} />;
}
