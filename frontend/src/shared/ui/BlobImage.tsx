import { useCallback, type ComponentProps } from "react";

/** A picture from memory; our policy allows blob: addresses, never data: ones. */
export function BlobImage({
  blob,
  ...rest
}: { blob: Blob } & Omit<ComponentProps<"img">, "src" | "ref">) {
  const show = useCallback(
    (image: HTMLImageElement | null) => {
      if (!image) return;
      const url = URL.createObjectURL(blob);
      image.src = url;
      return () => URL.revokeObjectURL(url);
    },
    [blob],
  );
  return <img ref={show} {...rest} />;
}
