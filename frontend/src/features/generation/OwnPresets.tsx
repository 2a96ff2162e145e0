import { BookmarkPlus, Save, Trash2 } from "lucide-react";
import { useState } from "react";
import { changeDraft, draftStore, type Draft } from "@/shared/draft";
import { useStore } from "@/shared/lib/store";
import { Button, Dialog, IconButton, Notice, Switch, tell, TextInput } from "@/shared/ui";
import {
  dropPreset,
  keepPreset,
  MAX_NAME,
  ownPresets,
  settingsOf,
  toldOf,
  type OwnPreset,
} from "./keptPresets";
import styles from "./OwnPresets.module.css";

/** The user's own presets: to keep the present settings under a name, to use them again. */
export function OwnPresets({ draft }: { draft: Draft }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button look="quiet" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        Your presets
      </Button>
      {isOpen && <Presets draft={draft} onClose={() => setOpen(false)} />}
    </>
  );
}

function Presets({ draft, onClose }: { draft: Draft; onClose: () => void }) {
  const presets = useStore(ownPresets);
  const [name, setName] = useState("");
  const [withPrompt, setWithPrompt] = useState(false);
  const [gone, setGone] = useState<OwnPreset | null>(null);
  const wanted = name.trim();
  const isThere = presets.some((preset) => preset.name === wanted);
  return (
    <Dialog title="Your presets" onClose={onClose}>
      <div className={styles.presets}>
        <p className={styles.told}>
          Settings under names of your own. They are kept in this browser alone: another one, or
          this one once its data are cleared, does not know them.
        </p>
        {presets.length > 0 && (
          <ul className={styles.list}>
            {presets.map((preset) => (
              <li key={preset.name}>
                <span className={styles.what}>
                  <strong>{preset.name}</strong>
                  <span className={styles.told}>{toldOf(preset)}</span>
                </span>
                <Button
                  size="sm"
                  aria-label={`Use ${preset.name}`}
                  onClick={() => {
                    take(preset);
                    onClose();
                  }}
                >
                  Use
                </Button>
                <IconButton
                  size="sm"
                  label={`Overwrite ${preset.name} with the present settings`}
                  icon={<Save />}
                  onClick={() => {
                    const settings = settingsOf(draft, preset.settings.prompt !== undefined);
                    keepPreset({ ...preset, settings });
                  }}
                />
                <IconButton
                  size="sm"
                  label={`Delete ${preset.name}`}
                  icon={<Trash2 />}
                  onClick={() => {
                    dropPreset(preset.name);
                    setGone(preset);
                  }}
                />
              </li>
            ))}
          </ul>
        )}
        {gone && (
          <Notice
            tone="accent"
            icon={<Trash2 />}
            actions={
              <Button
                size="sm"
                onClick={() => {
                  keepPreset(gone);
                  setGone(null);
                }}
              >
                Undo
              </Button>
            }
          >
            {gone.name} is deleted.
          </Notice>
        )}
        <form
          className={styles.keep}
          onSubmit={(event) => {
            event.preventDefault();
            if (!wanted) return;
            keepPreset({ name: wanted, settings: settingsOf(draft, withPrompt) });
            setName("");
          }}
        >
          <TextInput
            label="Keep the present settings as"
            value={name}
            maxLength={MAX_NAME}
            autoComplete="off"
            placeholder="A name"
            onChange={(event) => setName(event.target.value)}
          />
          <Button type="submit" disabled={!wanted}>
            <BookmarkPlus aria-hidden="true" />
            {isThere ? "Overwrite" : "Keep"}
          </Button>
          <Switch label="With the prompt" checked={withPrompt} onChecked={setWithPrompt} />
        </form>
      </div>
    </Dialog>
  );
}

function take({ name, settings }: OwnPreset): void {
  const before = draftStore.get();
  changeDraft(settings);
  tell(`The settings are those of ${name}.`, {
    label: "Undo",
    run: () => draftStore.set(before),
  });
}
