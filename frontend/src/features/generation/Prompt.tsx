import { useState } from "react";
import type { FieldProblem, Model } from "@/shared/api";
import { changeDraft, type Draft } from "@/shared/draft";
import { Button, TextArea } from "@/shared/ui";
import styles from "./Prompt.module.css";

export function Prompt({
  draft,
  model,
  problem,
}: {
  draft: Draft;
  model: Model;
  problem: (name: string) => FieldProblem | undefined;
}) {
  const [isNegativeShown, setNegativeShown] = useState(draft.negative !== null);
  return (
    <div className={styles.prompt}>
      <TextArea
        label={draft.isPromptPerLine ? "Prompts, one on each line" : "Prompt"}
        className={styles.text}
        rows={4}
        value={draft.prompt}
        placeholder={
          model.prompts[0]
            ? `For example: ${model.prompts[0]}`
            : "Describe the scene, how things move, and the camera"
        }
        hint={model.note}
        problem={problem("prompt")}
        onChange={(event) => changeDraft({ prompt: event.target.value })}
      />
      {model.prompts.length > 0 && draft.prompt.trim() === "" && (
        <div className={styles.examples}>
          <span>Try one:</span>
          {model.prompts.map((prompt) => (
            <button
              key={prompt}
              type="button"
              className={styles.example}
              onClick={() => changeDraft({ prompt })}
            >
              {prompt}
            </button>
          ))}
        </div>
      )}
      {isNegativeShown || draft.negative !== null ? (
        <TextArea
          label="Negative prompt"
          rows={2}
          value={draft.negative ?? model.defaults.negative_prompt}
          placeholder="What not to show"
          problem={problem("negative_prompt")}
          aside={
            draft.negative !== null && (
              <Button
                size="sm"
                look="quiet"
                onClick={() => {
                  changeDraft({ negative: null });
                  setNegativeShown(false);
                }}
              >
                Use the checkpoint’s
              </Button>
            )
          }
          onChange={(event) => changeDraft({ negative: event.target.value })}
        />
      ) : (
        <Button
          size="sm"
          look="quiet"
          className={styles.more}
          onClick={() => setNegativeShown(true)}
        >
          Say what not to show…
        </Button>
      )}
    </div>
  );
}
