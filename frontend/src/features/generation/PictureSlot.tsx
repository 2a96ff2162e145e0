import { Crop } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import type { FieldProblem } from "@/shared/api";
import {
  changeDraft,
  givenFile,
  takePicture,
  type PictureField,
  type Picture,
} from "@/shared/draft";
import { IconButton, tellProblem } from "@/shared/ui";
import { shapeOf, type Effective } from "./effective";
import { GivenFile } from "./GivenFile";
import { Thumb } from "./Thumb";

const CropDialog = lazy(async () => ({ default: (await import("./CropDialog")).CropDialog }));

/** The first or the last image: cut to the video's shape. */
export function PictureSlot({
  which,
  label,
  picture,
  now,
  problem,
}: {
  which: PictureField;
  label: string;
  picture: Picture | null;
  now: Effective;
  problem: FieldProblem | undefined;
}) {
  const [isCropping, setCropping] = useState(false);
  const file = picture && givenFile(picture.id);
  return (
    <>
      <GivenFile
        label={label}
        kind="image"
        problem={problem}
        media={picture && <Thumb given={picture} alt={label} />}
        facts={picture && shapeOf(picture)}
        tools={
          file && (
            <IconButton
              size="sm"
              label={`Crop: ${label}`}
              icon={<Crop />}
              onClick={() => setCropping(true)}
            />
          )
        }
        onFile={(given) => takePicture(which, given)}
        onRemove={() => changeDraft({ [which]: null })}
      />
      {isCropping && file && (
        <Suspense>
          <CropDialog
            file={file}
            aspect={now.width / now.height}
            onClose={() => setCropping(false)}
            onCropped={(cropped) => {
              setCropping(false);
              takePicture(which, cropped, { whole: file, frameOf: picture.frameOf }).catch(
                tellProblem,
              );
            }}
          />
        </Suspense>
      )}
    </>
  );
}
