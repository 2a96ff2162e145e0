import { Heart } from "lucide-react";
import { classes } from "@/shared/lib/format";
import styles from "./Favourite.module.css";

/** Favourites are kept where others are deleted for their age. */
export function Favourite({
  of,
  value,
  onValue,
  className,
}: {
  /** Whose: the video's prompt. */
  of: string;
  value: boolean;
  onValue: (value: boolean) => void;
  className?: string | undefined;
}) {
  return (
    <button
      type="button"
      className={classes(styles.favourite, value && styles.isOne, className)}
      aria-label={`Favourite: ${of}`}
      aria-pressed={value}
      onClick={() => onValue(!value)}
    >
      <Heart aria-hidden="true" />
    </button>
  );
}
