import { Tooltip } from "radix-ui";
import type { ReactNode } from "react";
import styles from "./Hint.module.css";

export const HintProvider = Tooltip.Provider;

/** A few words beside what one rests on, or has moved the focus to. */
export function Hint({ text, children }: { text: string; children: ReactNode }) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>{children}</Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content className={styles.hint} sideOffset={6} collisionPadding={8}>
          {text}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
