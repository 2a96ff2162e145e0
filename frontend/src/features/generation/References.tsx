import { LIMITS, type FieldProblem } from "@/shared/api";
import { changeDraft, takeReference, type Draft } from "@/shared/draft";
import { shapeOf, type Effective } from "./effective";
import { GivenFile } from "./GivenFile";
import { Thumb } from "./Thumb";

/** Pictures of who or what is to be seen: one for a character, else a few. */
export function References({
  draft,
  now,
  problem,
}: {
  draft: Draft;
  now: Effective;
  problem: FieldProblem | undefined;
}) {
  const { references } = draft;
  const isCharacter = now.model.animates_character;
  const most = isCharacter ? 1 : LIMITS.references.max;
  return (
    <>
      {[...references, ...(references.length < most ? [null] : [])].map((picture, at) => (
        <GivenFile
          key={at}
          label={most === 1 ? "Reference" : `Reference ${at + 1}`}
          kind="image"
          hint={isCharacter ? "Who moves" : "Who or what is to be seen"}
          problem={at === 0 ? problem : undefined}
          media={picture && <Thumb given={picture} alt={`Reference ${at + 1}`} />}
          facts={picture && shapeOf(picture)}
          onFile={(file) => takeReference(at, file)}
          onRemove={() =>
            changeDraft({ references: references.filter((_, index) => index !== at) })
          }
        />
      ))}
    </>
  );
}
