import { X } from "lucide-react";
import { Toast } from "radix-ui";
import { createStore, useStore } from "@/shared/lib/store";
import { keysLeft, sentence } from "@/shared/api";
import { Button, IconButton } from "./Button";
import { Prose } from "./Prose";
import { classes } from "@/shared/lib/format";
import styles from "./Toasts.module.css";

interface Message {
  id: number;
  tone: "plain" | "bad";
  text: string;
  action?: { label: string; run: () => void } | undefined;
}

const LASTS_MS = 6_000;
const UNDO_LASTS_MS = 10_000;
const messages = createStore<readonly Message[]>([]);
keysLeft.subscribe(() => messages.set([]));
let next = 1;

/** Say something in passing; with an action, such as taking it back. */
export function tell(text: string, action?: Message["action"]): void {
  add({ id: next++, tone: "plain", text, action });
}

/** Say what went wrong, in the server's words. */
export function tellProblem(error: unknown): void {
  add({ id: next++, tone: "bad", text: sentence(error) });
}

function add(message: Message): void {
  messages.set([...messages.get().slice(-3), message]);
}

export function Toasts() {
  return (
    <Toast.Provider swipeDirection="right">
      {useStore(messages).map((message) => (
        <Toast.Root
          key={message.id}
          className={classes(styles.toast, styles[message.tone])}
          type={message.tone === "bad" ? "foreground" : "background"}
          duration={message.action ? UNDO_LASTS_MS : LASTS_MS}
          onOpenChange={(isOpen) => {
            if (!isOpen) messages.set(messages.get().filter((one) => one.id !== message.id));
          }}
        >
          <Toast.Description className={styles.text}>
            <Prose text={message.text} />
          </Toast.Description>
          {message.action && (
            <Toast.Action asChild altText={message.action.label}>
              <Button size="sm" onClick={message.action.run}>
                {message.action.label}
              </Button>
            </Toast.Action>
          )}
          <Toast.Close asChild>
            <IconButton size="sm" label="Dismiss" icon={<X />} />
          </Toast.Close>
        </Toast.Root>
      ))}
      <Toast.Viewport className={styles.viewport} />
    </Toast.Provider>
  );
}
