import { Gallery } from "./Gallery";
import { OutputView } from "./OutputView";

/** The finished videos: all of them, or one. */
export function OutputsScreen({ id }: { id: string | null }) {
  return id === null ? <Gallery /> : <OutputView key={id} id={id} />;
}
