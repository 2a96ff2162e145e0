import { useCallback, type ComponentProps } from "react";

/** Gives an element what lies in memory to show; our policy allows blob: addresses, never data: ones. */
function useShown(blob: Blob) {
  return useCallback(
    (element: HTMLImageElement | HTMLVideoElement | null) => {
      if (!element) return;
      const url = URL.createObjectURL(blob);
      element.src = url;
      return () => URL.revokeObjectURL(url);
    },
    [blob],
  );
}

type Shown<E extends "img" | "video"> = { blob: Blob } & Omit<ComponentProps<E>, "src" | "ref">;

export function BlobImage({ blob, ...rest }: Shown<"img">) {
  return <img ref={useShown(blob)} {...rest} />;
}

export function BlobVideo({ blob, ...rest }: Shown<"video">) {
  return <video ref={useShown(blob)} playsInline {...rest} />;
}
