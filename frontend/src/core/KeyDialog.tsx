import { KeyRound } from "lucide-react";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { keepKey, keyStore } from "@/shared/api";
import { useStore } from "@/shared/lib/store";
import { Button, Dialog, Notice, TextInput } from "@/shared/ui";
import styles from "./KeyDialog.module.css";

/** Takes the key that a server with API keys wants; this browser keeps it and sends it along. */
export function KeyDialog({
  why = null,
  onClose,
}: {
  /** What the server says of the key that it has got, or has not. */
  why?: string | null;
  onClose: () => void;
}) {
  const client = useQueryClient();
  const kept = useStore(keyStore);
  const [key, setKey] = useState("");
  const take = (value: string | null) => {
    if (value === null) keyStore.set(null);
    else keepKey(value);
    onClose();
    void client.invalidateQueries();
  };
  return (
    <Dialog
      title="API key"
      onClose={onClose}
      foot={
        <>
          {kept !== null && (
            <Button look="danger" onClick={() => take(null)}>
              Forget the key
            </Button>
          )}
          <Button look="primary" disabled={!key.trim()} onClick={() => take(key.trim())}>
            Use this key
          </Button>
        </>
      }
    >
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (key.trim()) take(key.trim());
        }}
      >
        {why !== null && (
          <Notice tone="warn" icon={<KeyRound />}>
            {why}
          </Notice>
        )}
        <TextInput
          label="Key"
          type="password"
          autoComplete="off"
          value={key}
          onChange={(event) => setKey(event.target.value)}
          hint={
            kept === null
              ? "Only a server that others can reach wants one; wan keys makes it. It stays in this browser."
              : "A key is kept in this browser. Another one replaces it."
          }
        />
      </form>
    </Dialog>
  );
}
