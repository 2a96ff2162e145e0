import { KeyRound } from "lucide-react";
import { useState } from "react";
import { Button, Notice, ScreenHead } from "@/shared/ui";
import { KeyDialog } from "./KeyDialog";

/** In the place of a screen while the server wants a key: until there is one, nothing is asked for. */
export function KeyWanted({ title, why }: { title: string; why: string }) {
  const [isAsked, setAsked] = useState(true);
  return (
    <>
      <ScreenHead title={title} />
      <Notice tone="warn" icon={<KeyRound />}>
        {why}{" "}
        <Button size="sm" onClick={() => setAsked(true)}>
          Give a key…
        </Button>
      </Notice>
      {isAsked && <KeyDialog why={why} onClose={() => setAsked(false)} />}
    </>
  );
}
