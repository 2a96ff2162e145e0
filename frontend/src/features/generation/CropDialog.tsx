import { useState } from "react";
import ReactCrop, { centerCrop, makeAspectCrop, type PercentCrop } from "react-image-crop";
import "react-image-crop/dist/ReactCrop.css";
import { BlobImage, Button, Dialog } from "@/shared/ui";
import styles from "./CropDialog.module.css";

/** Choose the part of a picture that is seen; its shape is the video's. */
export function CropDialog({
  file,
  aspect,
  onClose,
  onCropped,
}: {
  file: Blob;
  aspect: number;
  onClose: () => void;
  onCropped: (cropped: Blob) => void;
}) {
  const [image, setImage] = useState<HTMLImageElement | null>(null);
  const [crop, setCrop] = useState<PercentCrop>();
  const cut = async () => {
    if (!image || !crop) return;
    onCropped(await cropped(image, crop));
  };
  return (
    <Dialog
      title="Crop"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Keep it whole</Button>
          <Button look="primary" onClick={() => void cut()}>
            Use this part
          </Button>
        </>
      }
    >
      <div className={styles.stage}>
        <ReactCrop
          crop={crop}
          aspect={aspect}
          keepSelection
          ruleOfThirds
          onChange={(_pixels, percent) => setCrop(percent)}
        >
          <BlobImage
            blob={file}
            alt="The whole picture"
            className={styles.whole}
            onLoad={({ currentTarget }) => {
              const { naturalWidth: width, naturalHeight: height } = currentTarget;
              setImage(currentTarget);
              const whole = makeAspectCrop({ unit: "%", width: 100 }, aspect, width, height);
              setCrop(centerCrop(fitted(whole), width, height));
            }}
          />
        </ReactCrop>
      </div>
    </Dialog>
  );
}

/** A crop that is higher than the picture, made as large as fits. */
function fitted(crop: PercentCrop): PercentCrop {
  const scale = Math.min(1, 100 / crop.height);
  return { ...crop, width: crop.width * scale, height: crop.height * scale };
}

async function cropped(image: HTMLImageElement, crop: PercentCrop): Promise<Blob> {
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const canvas = document.createElement("canvas");
  canvas.width = Math.round((crop.width / 100) * width);
  canvas.height = Math.round((crop.height / 100) * height);
  const [x, y] = [(crop.x / 100) * width, (crop.y / 100) * height];
  canvas
    .getContext("2d")
    ?.drawImage(image, x, y, canvas.width, canvas.height, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("The browser could not crop it."))),
      "image/png",
    ),
  );
}
