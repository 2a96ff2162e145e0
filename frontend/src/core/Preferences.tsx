import { Bell, BellOff, KeyRound, Moon, MoreHorizontal, Sun, SunMoon } from "lucide-react";
import { useEffect, useState } from "react";
import { createKeptStore, useStore } from "@/shared/lib/store";
import { IconButton, Menu, tell } from "@/shared/ui";
import { KeyDialog } from "./KeyDialog";
import { notices, turnNotices } from "./notifications";

type Theme = "system" | "dark" | "light";
const NEXT: Record<Theme, Theme> = { system: "dark", dark: "light", light: "system" };
const theme = createKeptStore<Theme>("wan.theme", "system");

/** What this browser remembers: colours, notices, the key. */
export function Preferences({ className }: { className: string | undefined }) {
  const chosen = useStore(theme);
  const areNoticesOn = useStore(notices);
  const [isKeyShown, setKeyShown] = useState(false);
  useEffect(() => {
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
  }, [chosen]);
  const themeIcon = { system: <SunMoon />, dark: <Moon />, light: <Sun /> }[chosen];
  return (
    <div className={className}>
      <Menu
        trigger={<IconButton label="Preferences" icon={<MoreHorizontal />} />}
        items={[
          {
            label: `Colours: ${chosen}`,
            icon: themeIcon,
            onSelect: () => theme.set(NEXT[chosen]),
          },
          {
            label: areNoticesOn ? "Notices: on" : "Tell me when a video is done",
            icon: areNoticesOn ? <Bell /> : <BellOff />,
            onSelect: () =>
              void turnNotices(!areNoticesOn).then((refused) => {
                if (refused) tell(refused);
              }),
          },
          { label: "API key…", icon: <KeyRound />, onSelect: () => setKeyShown(true) },
        ]}
      />
      {isKeyShown && <KeyDialog onClose={() => setKeyShown(false)} />}
    </div>
  );
}
